"""Virtual time: what happens next, in one order only."""

from __future__ import annotations

import gc

import pytest

from simulator.scheduler import Died, Machine, Scheduler, Signal

HERE = Machine("here")


def told(seed: int = 1) -> tuple[Scheduler, list[tuple[float, str]]]:
    scheduler = Scheduler(seed)
    return scheduler, []


def test_tasks_wait_without_any_real_time() -> None:
    scheduler, said = told()

    def work(name: str, pause: float) -> None:
        for _ in range(2):
            scheduler.sleep(pause)
            said.append((scheduler.now, name))

    scheduler.spawn("slow", HERE, lambda: work("slow", 3600.0))
    scheduler.spawn("fast", HERE, lambda: work("fast", 2000.0))
    scheduler.run(10_000.0)
    assert said == [(2000.0, "fast"), (3600.0, "slow"), (4000.0, "fast"), (7200.0, "slow")]
    assert scheduler.now == 10_000.0


def test_what_was_asked_for_first_happens_first_at_one_moment() -> None:
    scheduler, said = told()
    for name in ("a", "b", "c"):
        scheduler.at(5.0, lambda name=name: said.append((scheduler.now, name)))  # type: ignore[misc]
    scheduler.run(5.0)
    assert [name for _, name in said] == ["a", "b", "c"]


def test_a_killed_task_ends_where_it_waits_and_nothing_in_it_catches_that() -> None:
    scheduler, said = told()

    def work() -> None:
        try:
            scheduler.sleep(10.0)
        except Exception:  # what the shipped code does around a call
            said.append((scheduler.now, "caught"))
        said.append((scheduler.now, "went on"))

    task = scheduler.spawn("victim", HERE, work)
    scheduler.at(5.0, lambda: scheduler.kill(task))
    scheduler.run(20.0)
    assert said == []
    assert isinstance(task.error, Died)
    assert task.greenlet is None


def test_a_killed_task_has_no_effect_on_its_way_out() -> None:
    scheduler, said = told()

    def work() -> None:
        try:
            scheduler.sleep(10.0)
        finally:
            scheduler.sleep(1.0)  # a call in a `finally`: it must not arrive
            said.append((scheduler.now, "an effect of the dead"))

    task = scheduler.spawn("victim", HERE, work)
    scheduler.at(5.0, lambda: scheduler.kill(task))
    scheduler.run(20.0)
    assert said == []


def test_a_frozen_machine_does_nothing_while_its_clock_goes_on() -> None:
    scheduler, said = told()
    frozen = Machine("here")

    def work() -> None:
        for _ in range(3):
            scheduler.sleep(1.0)
            said.append((scheduler.now, "frozen"))

    scheduler.spawn("frozen", frozen, work)
    scheduler.at(1.5, lambda: setattr(frozen, "frozen_until", 60.0))
    scheduler.run(100.0)
    assert [at for at, _ in said] == [1.0, 60.0, 61.0]


@pytest.mark.parametrize(("set_at", "found", "at"), [(2.0, True, 2.0), (9.0, False, 5.0)])
def test_a_wait_ends_with_the_signal_or_with_its_time(
    set_at: float, found: bool, at: float
) -> None:
    scheduler, said = told()
    signal = Signal()

    def work() -> None:
        said.append((0.0, str(scheduler.wait(signal, 5.0))))
        said.append((scheduler.now, "after"))
        scheduler.sleep(100.0)
        said.append((scheduler.now, "later"))

    scheduler.spawn("waiting", HERE, work)
    scheduler.at(set_at, lambda: scheduler.set(signal))
    scheduler.run(1000.0)
    assert said == [(0.0, str(found)), (at, "after"), (at + 100.0, "later")]


def test_what_a_task_raises_ends_it_alone() -> None:
    scheduler, said = told()

    def fails() -> None:
        raise KeyError("one")

    task = scheduler.spawn("fails", HERE, fails)
    scheduler.spawn("other", HERE, lambda: said.append((scheduler.now, "other")))
    scheduler.run(1.0)
    assert isinstance(task.error, KeyError)
    assert said == [(0.0, "other")]


def test_the_end_of_the_world_is_not_an_exception_of_a_task() -> None:
    """A twin that does not know a call must void the run, whatever the shipped code catches."""

    class Unknown(BaseException):
        pass

    scheduler, _ = told()

    def work() -> None:
        raise Unknown

    scheduler.spawn("asks", HERE, work)
    with pytest.raises(Unknown):
        scheduler.run(1.0)


def test_what_fails_outside_a_task_fails_the_run_and_no_task() -> None:
    """Tasks go on in one another's place; what is not theirs they must not catch."""
    scheduler = Scheduler(1)
    caught: list[Exception] = []

    def sleeps() -> None:
        try:
            scheduler.sleep(2.0)
        except Exception as error:
            caught.append(error)

    def fails() -> None:
        raise RuntimeError("outside")

    scheduler.spawn("sleeper", Machine("here"), sleeps)
    scheduler.at(1.0, fails)
    with pytest.raises(RuntimeError, match="outside"):
        scheduler.run(5.0)
    assert caught == []


def test_a_world_that_is_let_go_ends_its_tasks_there_and_not_when_garbage_is_found() -> None:
    """What the shipped code does on its way out would be done in the next world (E5)."""
    scheduler, said = told()

    def work(name: str) -> None:
        try:
            scheduler.wait(Signal())
        finally:
            said.append((scheduler.now, f"{name} ends"))
            scheduler.sleep(1.0)
            said.append((scheduler.now, "and waits"))

    scheduler.spawn("one", HERE, lambda: work("one"))
    scheduler.spawn("other", HERE, lambda: work("other"))
    scheduler.run(5.0)
    scheduler.spawn("late", HERE, lambda: work("late"))
    assert said == []
    scheduler.end()
    assert sorted(said) == [(5.0, "one ends"), (5.0, "other ends")]
    gc.collect()
    assert len(said) == 2
