"""The `targets` node: where Bundles and messages go, which ones, and how each target knows who sends (O-40, S-64).

One class a kind of target, so that a key which means nothing there is a fault. Knows what may be written, and nothing
of how a target works.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from segue.settings.node import Node, Secretive, Timeout, url_of
from segue.settings.tls import ClientTls

_FILE = Field(default=None, description="File that holds the secret; its last line end does not count (O-42).")
_ENV = Field(default=None, description="Variable of the environment that holds the secret (O-42).")

Parallel = Annotated[int, Field(ge=1, le=256)]


def _matching(pattern: str, wanted: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"not of the form {wanted}")
        return text

    return AfterValidator(check)


Kind = Annotated[str, _matching(r"[A-Z][A-Z0-9]{2}(\^[A-Z0-9]{3})?", "ADT or ADT^A01")]
Sender = Annotated[str, _matching(r"[^|]+\|[^|]+", "MSH-3|MSH-4, such as LAB|NORTH or *|NORTH")]


class Filter(Node):
    """Which messages a target takes: those that fit every list that is given."""

    messages: tuple[Kind, ...] = Field(default=(), description="Message types or events: ADT, ORU^R01.")
    senders: tuple[Sender, ...] = Field(
        default=(), description="MSH-3|MSH-4, first components; * is any: LAB|NORTH, *|NORTH."
    )
    sites: tuple[str, ...] = Field(default=(), description="Sites by whose maps the message was converted.")


class Breaker(Node):
    """When a target is left alone for a while (S-63)."""

    failures: int = Field(default=5, ge=1, description="Failures of the target in a row before it is left alone.")
    pause_s: Timeout = Field(default=5, description="First pause; each further one is twice as long.")
    longest_s: Timeout = Field(default=300, description="Longest pause, and the longest Retry-After that is obeyed.")


class OAuth2(Secretive):
    """OAuth 2.0 client credentials (RFC 6749, 4.4); the client names itself by HTTP Basic."""

    secrets: ClassVar[tuple[str, ...]] = ("client_secret",)

    token_url: Annotated[str, url_of("https", "http")]
    client_id: str = Field(min_length=1)
    client_secret_file: str | None = _FILE
    client_secret_env: str | None = _ENV
    scope: str | None = Field(default=None, description="Scopes, separated by blanks.")


class Smart(Secretive):
    """SMART backend services: client credentials with a signed assertion (RFC 7523) instead of a secret."""

    secrets: ClassVar[tuple[str, ...]] = ("key",)

    token_url: Annotated[str, url_of("https", "http")]
    client_id: str = Field(min_length=1)
    key_file: str | None = _FILE
    key_env: str | None = _ENV
    key_id: str = Field(min_length=1, description="kid of the key in the key set that the server knows.")
    algorithm: Literal["RS384", "ES384"] = Field(default="RS384", description="What the key signs with.")
    scope: str = Field(default="system/*.cruds", description="Scopes, separated by blanks.")


class ApiKey(Secretive):
    """A key in a header."""

    secrets: ClassVar[tuple[str, ...]] = ("key",)

    header: Annotated[str, _matching(r"[A-Za-z0-9-]+", "X-API-Key")] = "X-API-Key"
    key_file: str | None = _FILE
    key_env: str | None = _ENV


class Basic(Secretive):
    """User and password (RFC 7617)."""

    secrets: ClassVar[tuple[str, ...]] = ("password",)

    user: str = Field(min_length=1)
    password_file: str | None = _FILE
    password_env: str | None = _ENV


class Bearer(Secretive):
    """A token that somebody else keeps fresh in its file."""

    secrets: ClassVar[tuple[str, ...]] = ("token",)

    token_file: str | None = _FILE
    token_env: str | None = _ENV


class Auth(Node):
    """How the target knows who sends; one of these."""

    oauth2: OAuth2 | None = None
    smart: Smart | None = None
    api_key: ApiKey | None = None
    basic: Basic | None = None
    bearer: Bearer | None = None

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if sum(way is not None for way in (self.oauth2, self.smart, self.api_key, self.basic, self.bearer)) != 1:
            raise ValueError("give one of oauth2, smart, api_key, basic, bearer")
        return self


class _Target(Node):
    name: str = Field(min_length=1, max_length=64, description="Name in logs and states; unique.")
    required: bool = Field(
        default=True, description="A message counts as delivered when all required targets have it (S-64)."
    )
    filter: Filter = Filter()
    breaker: Breaker = Breaker()


class _Web(_Target):
    auth: Auth | None = None
    tls: ClientTls = ClientTls()
    parallel: Parallel = Field(default=8, description="Requests at once.")
    connect_s: Timeout = Field(default=10, description="Longest wait for a connection.")
    timeout_s: Timeout = Field(default=60, description="Longest silence while the answer is awaited.")


class Fhir(_Web):
    """A FHIR R4 server: transactions and batches to its base, message Bundles to $process-message."""

    kind: Literal["fhir"] = "fhir"
    url: Annotated[str, url_of("https", "http")] = Field(description="Base URL.")


class Webhook(_Web, Secretive):
    """An address that takes each Bundle by POST."""

    secrets: ClassVar[tuple[str, ...]] = ("secret",)
    needed: ClassVar[bool] = False

    kind: Literal["webhook"]
    url: Annotated[str, url_of("https", "http")]
    secret_file: str | None = _FILE
    secret_env: str | None = _ENV


class Nats(_Target, Secretive):
    """A subject of a NATS JetStream stream."""

    secrets: ClassVar[tuple[str, ...]] = ("token", "password")
    needed: ClassVar[bool] = False

    kind: Literal["nats"]
    url: Annotated[str, url_of("nats", "tls")]
    subject: Annotated[
        str, _matching(r"(\{type\}|\{event\}|[^\s.*>{}])+(\.(\{type\}|\{event\}|[^\s.*>{}])+)*", "hl7.{type}.{event}")
    ] = Field(description="Subject to publish on; {type} and {event} stand for MSH-9.1 and MSH-9.2.")
    stream: str | None = Field(default=None, description="Stream that has to take it; none: whichever listens.")
    user: str | None = None
    password_file: str | None = _FILE
    password_env: str | None = _ENV
    token_file: str | None = _FILE
    token_env: str | None = _ENV
    credentials_file: str | None = Field(default=None, description="NATS credentials (.creds).")
    tls: ClientTls = ClientTls()
    timeout_s: Timeout = Field(default=10, description="Longest wait for the acknowledgement.")


class Mllp(_Target):
    """An MLLP listener that takes each message as it was received."""

    kind: Literal["mllp"]
    url: Annotated[str, url_of("mllp", "mllps")] = Field(description="mllp://host:port, or mllps:// with TLS.")
    tls: ClientTls = ClientTls()
    connections: Parallel = Field(default=1, description="Connections; one message is in flight on each (S-30).")
    connect_s: Timeout = Field(default=10, description="Longest wait for a connection.")
    timeout_s: Timeout = Field(default=30, description="Longest wait for an acknowledgement.")


class Folder(_Target):
    """A folder with one file for each Bundle."""

    kind: Literal["folder"]
    path: str = Field(min_length=1)


class Ndjson(_Target):
    """One file with one Bundle a line."""

    kind: Literal["ndjson"]
    path: str = Field(min_length=1)


def _kind(value: Any) -> str:
    """A target without a kind is a FHIR server."""
    if isinstance(value, Mapping):
        return str(cast("Mapping[str, Any]", value).get("kind", "fhir"))
    return str(getattr(value, "kind", "fhir"))


KINDS: dict[str, type[_Target]] = {
    "fhir": Fhir,
    "webhook": Webhook,
    "nats": Nats,
    "mllp": Mllp,
    "folder": Folder,
    "ndjson": Ndjson,
}
Target = Annotated[
    Annotated[Fhir, Tag("fhir")]
    | Annotated[Webhook, Tag("webhook")]
    | Annotated[Nats, Tag("nats")]
    | Annotated[Mllp, Tag("mllp")]
    | Annotated[Folder, Tag("folder")]
    | Annotated[Ndjson, Tag("ndjson")],
    Discriminator(_kind),
]


def short_form(deliver: str) -> Fhir | Mllp | Folder | Ndjson:
    """The target that a `deliver` setting means; raises ValueError for a URL that names none."""
    scheme, separator, _ = deliver.partition("://")
    if scheme in ("mllp", "mllps") and separator:
        return Mllp(name="deliver", kind="mllp", url=deliver)
    if separator:
        return Fhir(name="deliver", url=deliver)
    if deliver.endswith(".ndjson"):
        return Ndjson(name="deliver", kind="ndjson", path=deliver)
    return Folder(name="deliver", kind="folder", path=deliver)
