"""Drafts of new orchestrations: one file each, which only the owner of the console may read, for seven days."""

import json
import re
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from connector.core.disk import make_private_file, make_private_folder

FOLDER = "drafts"
KEPT_SECONDS = 7 * 86_400
_ID = re.compile(r"[0-9a-f]{16}")


class Drafts:
    """The drafts in the state folder of a project."""

    def __init__(self, state_directory: Path) -> None:
        self._folder = state_directory / FOLDER

    def save(self, user: str, content: dict[str, Any], draft_id: str | None = None) -> str:
        """Write a draft of a user, and return its id."""
        self._delete_old()
        draft_id = draft_id or secrets.token_hex(8)
        make_private_folder(self._folder)
        path = self._path(draft_id)
        make_private_file(path)
        path.write_text(json.dumps({"user": user, "content": content}), "utf-8")
        return draft_id

    def load(self, user: str, draft_id: str) -> dict[str, Any] | None:
        """Return a draft of a user; None if there is none, or another user's."""
        if not _ID.fullmatch(draft_id):
            return None
        with suppress(OSError, ValueError):
            draft = json.loads(self._path(draft_id).read_text("utf-8"))
            if draft["user"] == user:
                content: dict[str, Any] = draft["content"]
                return content
        return None

    def delete(self, draft_id: str) -> None:
        """Delete a draft that was loaded."""
        self._path(draft_id).unlink(missing_ok=True)

    def _path(self, draft_id: str) -> Path:
        return self._folder / f"{draft_id}.json"

    def _delete_old(self) -> None:
        for path in self._folder.glob("*.json"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                    path.unlink()
