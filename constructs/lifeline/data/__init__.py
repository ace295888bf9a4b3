"""The stores: global database and its credentials, session cache, shared files, and their backups."""

from __future__ import annotations

from lifeline.data.backups import Backups
from lifeline.data.cache_access import ISessionCache, SessionCacheAttributes
from lifeline.data.database_credentials import DatabaseCredentials
from lifeline.data.database_member import GlobalDatabaseAttributes, IGlobalDatabase
from lifeline.data.file_replication import FileReplication
from lifeline.data.global_database import DatabaseCapacity, GlobalDatabase
from lifeline.data.protected_store import ProtectedStore
from lifeline.data.session_cache import SecondaryCache, SessionCache
from lifeline.data.shared_files import ISharedFiles, SharedFiles, SharedFilesAttributes

__all__ = [
    "Backups",
    "DatabaseCapacity",
    "DatabaseCredentials",
    "FileReplication",
    "GlobalDatabase",
    "GlobalDatabaseAttributes",
    "IGlobalDatabase",
    "ISessionCache",
    "ISharedFiles",
    "ProtectedStore",
    "SecondaryCache",
    "SessionCache",
    "SessionCacheAttributes",
    "SharedFiles",
    "SharedFilesAttributes",
]
