"""The TLS nodes of the settings: what a listener shows and asks for, and what a target is shown and trusted by (S-83)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from segue.settings.node import Node


class ServerTls(Node):
    """TLS 1.2 or later at a listener. The files are read again when they change (S-85)."""

    cert_file: str = Field(description="Certificate chain, PEM.")
    key_file: str = Field(description="Its private key, PEM, without a password.")
    client_ca_file: str | None = Field(default=None, description="Authorities of client certificates, PEM.")
    client: Literal["required", "off"] = Field(
        default="off", description="required: a sender without a certificate of client_ca_file is refused (S-83)."
    )
    subjects: tuple[str, ...] = Field(
        default=(),
        description="Common names or alternative names of certificates that may connect; none: all of client_ca_file (S-84).",
    )

    @model_validator(mode="after")
    def _sure(self) -> ServerTls:
        if self.client == "required" and self.client_ca_file is None:
            raise ValueError("client is required and nobody vouches for a client – give client_ca_file")
        if self.client == "off" and self.client_ca_file is not None:
            raise ValueError("client_ca_file is given and no certificate is asked for – set client: required")
        if self.subjects and self.client == "off":
            raise ValueError("subjects are given and no certificate is asked for – set client: required")
        return self


class ClientTls(Node):
    """TLS 1.2 or later towards a target. The files are read again when they change (S-85)."""

    ca_file: str | None = Field(
        default=None, description="Authorities that vouch for the target, PEM; none: those of the system."
    )
    cert_file: str | None = Field(default=None, description="Own certificate chain for mutual TLS, PEM.")
    key_file: str | None = Field(default=None, description="Its private key, PEM, without a password.")

    @model_validator(mode="after")
    def _pair(self) -> ClientTls:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together – give both")
        return self
