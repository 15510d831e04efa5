"""What an owner of the database does in the tampering drill: one deed, then every trace in the database covered up.

usage: tampering-drill.py alter|delete|reorder|insert LOG.DB

Standard library only. The leaf record is that of docs/leaf.md.
"""
import hashlib
import os
import sqlite3
import struct
import sys


def text(value):
    value = value.encode()
    return bytes([len(value)]) + value


def leaf(row):
    cause = b"\x00" if row["causation_id"] is None else b"\x01" + row["causation_id"]
    record = (b"\x01" + struct.pack(">Q", row["position"]) + text(row["stream"]) + struct.pack(">Q", row["version"]) + row["event_id"]
              + text(row["event_type"]) + struct.pack(">I", row["schema_version"])
              + struct.pack(">qq", row["recorded_at"], row["occurred_at"]) + text(row["actor"])
              + row["correlation_id"] + cause + row["command_id"] + row["digest"])
    return hashlib.sha256(b"\x00" + record).digest()


def cover_up(db, rows):
    """Positions, versions, digests and leaves agree again; so does the head."""
    versions = {}
    db.execute("delete from events")
    at = 0
    for position, row in enumerate(rows, 1):
        at = max(at, row["recorded_at"])
        versions[row["stream"]] = versions.get(row["stream"], 0) + 1
        row.update(position=position, version=versions[row["stream"]], recorded_at=at)
        row["digest"] = hashlib.sha256(row["payload"].encode()).digest()
        row["leaf"] = leaf(row)
        names = ", ".join(row)
        db.execute(f"insert into events ({names}) values ({', '.join('?' * len(row))})", list(row.values()))
    db.execute("update log_head set position = ?, last_event_id = ?", (len(rows), rows[-1]["event_id"]))
    # Receipts name positions; whoever covers up throws away what would contradict.
    db.execute("delete from receipts")


def main():
    deed, path = sys.argv[1:]
    db = sqlite3.connect(path)
    for (trigger,) in db.execute("select name from sqlite_schema where type = 'trigger'").fetchall():
        db.execute(f"drop trigger {trigger}")
    db.row_factory = sqlite3.Row
    rows = [dict(row) for row in db.execute("select * from events order by position")]
    db.row_factory = None
    if deed == "alter":
        rows[9]["occurred_at"] += 86_400_000_000
    elif deed == "delete":
        del rows[9]
    elif deed == "reorder":
        rows[9], rows[12] = rows[12], rows[9]
    elif deed == "insert":
        rows.insert(10, dict(rows[9], event_id=os.urandom(16)))
    else:
        sys.exit(f"error: {deed} is no deed")
    cover_up(db, rows)
    db.commit()
    db.close()


main()
