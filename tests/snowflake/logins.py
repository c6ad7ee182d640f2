"""Who is let in: a password, a token, or a JWT signed with the private key of the account's public one."""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

USER, PASSWORD, TOKEN = "JO", "right password of jo", "right-token-of-jo"

WRONG_PASSWORD = ("390100", "Incorrect username or password was specified.")
WRONG_TOKEN = ("390303", "Invalid OAuth access token.")
WRONG_JWT = ("390144", "JWT token is invalid.")


def refusal(asked: dict[str, Any], public_key: bytes) -> tuple[str, str] | None:
    """Snowflake's code and message for a login that is refused."""
    authenticator = str(asked.get("AUTHENTICATOR") or "").upper()
    if authenticator == "SNOWFLAKE_JWT":
        return None if _is_signed(asked["TOKEN"], public_key) else WRONG_JWT
    if asked.get("TOKEN"):
        return None if asked["TOKEN"] == TOKEN else WRONG_TOKEN
    known = str(asked.get("LOGIN_NAME")).upper() == USER and asked.get("PASSWORD") == PASSWORD
    return None if known else WRONG_PASSWORD


def _is_signed(token: str, public_key: bytes) -> bool:
    signed, _, signature = token.rpartition(".")
    claims = json.loads(_decoded(signed.partition(".")[2]))
    key = load_pem_public_key(public_key)
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(_decoded(signature), signed.encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return str(claims["sub"]).endswith(f".{USER}")


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
