"""What must hold of the store at any moment, whatever went wrong before: read beside the running program."""

from __future__ import annotations

import json
import time
from pathlib import Path

import engine
from engine import rows

# Activities after which what somebody holds is another.
CHANGES = ("registered", "updated", "deleted", "changedPassword", "resetPassword", "reportedNotMe")


def problems(data: Path) -> list[str]:
    """Everything that does not hold."""
    wrong = engine.wrong(data)
    told = {
        json.loads(details).get("credential")
        for (details,) in rows(data, "SELECT details FROM audit WHERE result = 'success' AND activity IN ({})".format(_names("registered", "updated")))
    }
    credentials = rows(data, "SELECT id, method, state, source, sealed FROM credential")
    # What the demo gave its people was there before they were.
    given = {
        credential
        for (credential,) in rows(data, "SELECT c.id FROM credential c JOIN person p ON p.id = c.person_id WHERE c.added_ms < p.created_ms")
    }
    for credential, method, state, source, sealed in credentials:
        if state == "pending":
            wrong.append(f"credential {credential} is half made")
        if source == "self" and credential not in told and credential not in given:
            wrong.append(f"credential {credential} ({method}) has no audit row")
        if state == "retired" and sealed:
            wrong.append(f"retired credential {credential} keeps its content")
        if state != "retired" and not sealed:
            wrong.append(f"credential {credential} has no content")
    for person, name, version in rows(data, "SELECT id, name, security_version FROM person"):
        ((changes,),) = rows(
            data, f"SELECT COUNT(*) FROM audit WHERE person_id = ? AND result = 'success' AND activity IN ({_names(*CHANGES)})", person
        )
        if version != changes:
            wrong.append(f"{name}: the security version is {version} after {changes} changes")
    for credential, state, remaining in rows(data, "SELECT id, state, remaining FROM credential WHERE method = 'recoveryCodes'"):
        ((every, left),) = rows(data, "SELECT COUNT(*), COUNT(*) - COUNT(spent_ms) FROM recovery_code WHERE credential_id = ?", credential)
        if (every, left) != ((0, 0) if state == "retired" else (10, remaining)):
            wrong.append(f"of recovery codes {credential} ({state}) {every} are there, {left} unspent, it says {remaining}")
    # What was sent is kept for a week, and a link that is good no longer for another one.
    clock = data / "clock"
    now = int(time.time() * 1000) + (int(clock.read_text()) if clock.exists() else 0)
    for at, person in rows(data, "SELECT DISTINCT at_ms, person_id FROM notice_link WHERE expires_ms > ?", now):
        if not rows(data, "SELECT 1 FROM outbox WHERE person_id = ? AND created_ms = ?", person, at):
            wrong.append("a link without a message")
    return wrong


def audit(data: Path, name: str, activity: str, success: bool = True) -> int:
    """How often something is written down of somebody."""
    ((count,),) = rows(
        data, f"SELECT COUNT(*) FROM audit WHERE person_name = ? AND result = ? AND activity IN ({_names(activity)})",
        name, "success" if success else "failure",
    )
    return count


#: Activities as the store names them (AuditActivity).
ACTIVITIES: dict[str, str] = {}


def _names(*activities: str) -> str:
    if not ACTIVITIES:
        _read_activities()
    return ", ".join("'" + ACTIVITIES[name].replace("'", "''") + "'" for name in activities)


def _read_activities() -> None:
    import re

    source = Path(__file__).resolve().parents[2] / "Sources/ConvergeCore/Audit/AuditActivity.swift"
    for name, text in re.findall(r'case (\w+) = "([^"]+)"', source.read_text()):
        ACTIVITIES[name] = text
