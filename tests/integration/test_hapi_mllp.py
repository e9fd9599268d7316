"""HAPI's HL7 v2 client sends to the MLLP door and understands each acknowledgement (S-20, S-22, S-83)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from ..conftest import Authority

pytestmark = pytest.mark.integration

MESSAGES = ("adt_a01_admission", "adt_a40_merge", "oru_r01_chemistry", "oru_r01_pdf_report", "orm_o01_medication_order")


def control_id(file: Path) -> str:
    return file.read_bytes().split(b"\r", 1)[0].split(b"|")[9].decode()


def test_S_20_every_message_is_accepted_by_name(
    serve: Callable[..., int], peer: Callable[..., list[str]], examples: Path, tmp_path: Path
) -> None:
    files = [examples / f"{name}.hl7" for name in MESSAGES]
    port = serve("--deliver", str(tmp_path / "bundles"))
    done = subprocess.run(peer("SendMllp", port, *files), capture_output=True, text=True)
    replies = [line.split("\t") for line in done.stdout.splitlines()]
    assert replies == [["AA", control_id(file), "ACK"] for file in files], done.stderr
    assert len(list((tmp_path / "bundles").iterdir())) == len(files)


def test_S_83_over_TLS_with_a_certificate_on_both_sides(
    serve: Callable[..., int],
    peer: Callable[..., list[str]],
    examples: Path,
    tmp_path: Path,
    authority: Authority,
) -> None:
    """Java's own TLS at the door: let in with a certificate of the authority, turned away without."""
    door, own = authority.issue("door"), authority.issue("lab")
    tls = {"cert_file": door.cert, "key_file": door.key, "client_ca_file": authority.ca, "client": "required"}
    (tmp_path / "s.yaml").write_text(yaml.safe_dump({"listeners": [{"name": "lab", "tls": tls}]}))
    port = serve("--config", str(tmp_path / "s.yaml"), "--deliver", str(tmp_path / "bundles"))
    trust, keys = tmp_path / "trust.p12", tmp_path / "own.p12"
    keytool = "keytool -importcert -noprompt -storetype PKCS12 -storepass changeit -alias ca"
    subprocess.run([*keytool.split(" "), "-file", authority.ca, "-keystore", trust], check=True, capture_output=True)
    keys.write_bytes(
        pkcs12.serialize_key_and_certificates(
            b"own",
            serialization.load_pem_private_key(Path(own.key).read_bytes(), None),  # type: ignore[arg-type]
            x509.load_pem_x509_certificate(Path(own.cert).read_bytes()),
            None,
            serialization.BestAvailableEncryption(b"changeit"),
        )
    )
    command = peer("SendMllp", port, examples / "adt_a01_admission.hl7")
    trusting = [
        command[0],
        "-Dtls=true",
        f"-Djavax.net.ssl.trustStore={trust}",
        "-Djavax.net.ssl.trustStorePassword=changeit",
    ]
    showing = [
        f"-Djavax.net.ssl.keyStore={keys}",
        "-Djavax.net.ssl.keyStorePassword=changeit",
        "-Djavax.net.ssl.keyStoreType=PKCS12",
    ]
    done = subprocess.run([*trusting, *showing, *command[1:]], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("AA\t"), done.stdout + done.stderr
    refused = subprocess.run([*trusting, *command[1:]], capture_output=True, text=True, timeout=60)
    assert "AA" not in refused.stdout
    assert len(list((tmp_path / "bundles").iterdir())) == 1


def test_S_22_message_without_a_map_is_refused_in_a_reply(
    serve: Callable[..., int], peer: Callable[..., list[str]], tmp_path: Path
) -> None:
    file = tmp_path / "unknown.hl7"
    file.write_bytes(b"MSH|^~\\&|A|B|C|D|20260101||QBP^Q11|Q-1|P|2.5.1\rQPD|Q11^Query|T1\rRCP|I\r")
    done = subprocess.run(peer("SendMllp", serve(), file), capture_output=True, text=True)
    (reply,) = [line.split("\t") for line in done.stdout.splitlines()]
    assert reply[0] in {"AE", "AR"}
    assert reply[1] == "Q-1"
