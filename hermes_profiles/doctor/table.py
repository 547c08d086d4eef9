"""Every check there is, in the order in which findings of one severity are told. Ids are stable."""

from __future__ import annotations

from .checks import alive, conflicts, copies, databases, general, logins, machine, ports, runtime
from .findings import Check, Severity
from .runner import FAILED

_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

CHECKS: tuple[Check, ...] = (
    Check("conflicts.shared-identity", _ERROR, "one bot or account is in several profiles", conflicts.shared_identity),
    Check("conflicts.inherited-identity", _ERROR, "a gateway inherited a bot", conflicts.inherited_identity),
    Check("conflicts.foreign-session", _ERROR, "a session lies in another profile's home", copies.foreign_session),
    Check("conflicts.shared-login", _ERROR, "a login that works once is in several profiles", logins.shared_login),
    Check("conflicts.shared-port", _ERROR, "several profiles want one port", ports.shared_port),
    Check("conflicts.port-twice", _ERROR, "a profile wants one port twice", ports.port_twice),
    Check("conflicts.port-taken", _WARNING, "a port is taken by somebody else", ports.port_taken),
    Check("conflicts.held-elsewhere", _WARNING, "a gateway elsewhere has a bot of this root", conflicts.held_elsewhere),
    Check("conflicts.copied-credential", _WARNING, "a credential is in several profiles", conflicts.copied_credential),
    Check("conflicts.cron-twice", _WARNING, "scheduled jobs fire in several profiles", copies.cron_twice),
    Check("runtime.deaf", _ERROR, "a gateway runs, but does not hear a channel", alive.deaf),
    Check("runtime.silent", _ERROR, "a gateway is alive and does nothing", alive.silent),
    Check("runtime.two-gateways", _ERROR, "a home has several gateways", alive.two_gateways),
    Check("runtime.database", _ERROR, "a database is damaged", databases.damaged),
    Check("runtime.disk", _WARNING, "a disk is nearly full", machine.disk),
    Check("runtime.inodes", _WARNING, "a disk can hold few more files", machine.inodes),
    Check("runtime.stale-lock", _ERROR, "a lock keeps a gateway from starting", runtime.stale_lock),
    Check("runtime.stale-pid", _WARNING, "a pid file names a process that is gone", runtime.stale_pid),
    Check("runtime.reused-pid", _WARNING, "a pid file names another program", runtime.reused_pid),
    Check("runtime.bad-pid-file", _WARNING, "a pid file names no gateway", runtime.bad_pid_file),
    Check("runtime.stale-marker", _WARNING, "a marker outlived its gateway", runtime.stale_marker),
    Check("runtime.start-storm", _WARNING, "a gateway is started again and again", runtime.start_storm),
    Check("runtime.old-code", _WARNING, "a gateway runs older code than is installed", alive.old_code),
    Check("runtime.unsupervised", _WARNING, "nothing revives a gateway", alive.unsupervised),
    Check("runtime.open-files", _WARNING, "a gateway can open few more files", alive.open_files),
    Check("runtime.memory", _WARNING, "a gateway uses much memory", alive.memory),
    Check("runtime.logs", _WARNING, "logs have grown large", machine.logs),
    Check("runtime.database-rows", _WARNING, "rows of a database cannot be read", databases.rows),
    Check("runtime.wal-filesystem", _WARNING, "a file system does not bear its databases", machine.wal_filesystem),
    Check("runtime.journal-interrupted", _WARNING, "a change was cut short", runtime.journal_interrupted),
    Check("runtime.database-unchecked", _INFO, "a database could not be looked through", databases.unchecked),
    Check("general.unseen", _ERROR, "something could not be looked at", general.unseen),
    FAILED,
)  # fmt: skip
