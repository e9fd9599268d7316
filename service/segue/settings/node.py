"""What every node of the settings tree is: its keys are known, its values do not change; and words for units."""

from __future__ import annotations

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Port = Annotated[int, Field(ge=0, le=65535, description="TCP port; 0 takes a free one.")]
Bytes = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(ge=0)]
Timeout = Annotated[float, Field(gt=0)]


class Node(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class Secretive(Node):
    """A node with secrets, each named by a file or by a variable of the environment, never by its value (O-42)."""

    secrets: ClassVar[tuple[str, ...]] = ()  # stems: `password` stands for password_file and password_env
    needed: ClassVar[bool] = True

    @model_validator(mode="after")
    def _named_once(self) -> Secretive:
        for stem in self.secrets:
            given = sum(getattr(self, f"{stem}_{kind}") is not None for kind in ("file", "env"))
            if given > 1 or (self.needed and not given):
                raise ValueError(f"give {stem}_file or {stem}_env, one of the two")
        return self


def _no_password(url: str) -> str:
    if "://" in url and ":" in url.split("://", 1)[1].rpartition("@")[0]:
        raise ValueError("a password does not belong into the settings – use password_file or password_env")
    return url


Database = Annotated[str, AfterValidator(_no_password)]  # a file, or postgresql://USER@HOST/DATABASE


class Stored(Secretive):
    """A node that says in which database something is kept."""

    secrets: ClassVar[tuple[str, ...]] = ("password",)
    needed: ClassVar[bool] = False

    url: Database | None = None
    password_file: str | None = Field(
        default=None, description="File that holds PostgreSQL's password; its last line end does not count (O-42)."
    )
    password_env: str | None = Field(
        default=None, description="Variable of the environment that holds PostgreSQL's password (O-42)."
    )


def url_of(*schemes: str) -> AfterValidator:
    """The check of a URL with one of these schemes, a host, and nothing secret in it."""

    def check(url: str) -> str:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ValueError("not a URL") from None
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(f"not a URL of the form {' or '.join(f'{scheme}://host' for scheme in schemes)}")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a URL here holds no user or password – name them by auth")
        return url

    return AfterValidator(check)
