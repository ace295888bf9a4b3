"""What the region's database says of its own age, of the rate of arrival, and of patients."""

from __future__ import annotations

from lifeline.lambdas.adapters.region_database import RegionDatabase


class MeterDatabase(RegionDatabase):
    """Reads only, over the keeper's kind of connection; a replica answers all of it."""

    def heartbeat_age_seconds(self) -> float | None:
        """Age of the newest row of the active region here, by this server's clock; None: there is none.

        Event appliers write one each second and the keeper each cycle: either shows that replication works.
        """
        row = self._run(
            "SELECT extract(epoch FROM clock_timestamp() - greatest(max(h.at), max(a.renewed_from))) "
            "FROM authority a LEFT JOIN heartbeat h ON true WHERE a.epoch > 0"
        )[0]
        return None if row[0] is None else float(row[0])

    def holder(self) -> str:
        """The region that the database was last opened for; empty: none yet."""
        return self.view().holder

    def applied_count(self) -> int:
        """How many events were ever taken in hand here: a counter that only grows."""
        row = self._run("SELECT pg_sequence_last_value('event_apply_no'::regclass)")[0]
        return int(row[0] or 0)

    def patients_newer_than(self, instant: float) -> int:
        """Patients whose newest state is of an event after `instant` (epoch seconds, the device's time)."""
        row = self._run(
            "SELECT count(*) FROM aggregate "
            "WHERE aggregate_type = 'Patient' AND occurred_on > to_timestamp(:instant)",
            instant=float(instant),
        )[0]
        return int(row[0])
