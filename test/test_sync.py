"""The synchronizer on streams whose sets are known."""

import math

import pytest

from egorear_ros.structures import Frame, FrameSet
from egorear_ros.sync import MIN_JUMP_NS, ORDER_PROOF, STALL_SETS, Synchronizer

MS = 1_000_000
VIEWS = ("front_left", "front_right", "back_left", "back_right")
FL, FR, BL, BR = VIEWS


def frame(view: str, stamp_ms: float) -> Frame:
    return Frame(view, round(stamp_ms * MS), "jpeg", b"")


def make(min_views: int = 2, tolerance_ms: float = 8, max_wait_ms: float = 50, **options: int) -> Synchronizer:
    return Synchronizer(VIEWS, round(tolerance_ms * MS), round(max_wait_ms * MS), min_views, **options)


def push(sync: Synchronizer, view: str, stamp_ms: float, now_ms: float | None = None) -> list[FrameSet]:
    return sync.push(frame(view, stamp_ms), round((stamp_ms if now_ms is None else now_ms) * MS))


def push_all(
    sync: Synchronizer, stamp_ms: float, views: tuple[str, ...] = VIEWS, now_ms: float | None = None
) -> list[FrameSet]:
    return [out for view in views for out in push(sync, view, stamp_ms, now_ms)]


def stamps_ms(frame_set: FrameSet) -> dict[str, float]:
    return {view: each.stamp_ns / MS for view, each in frame_set.frames.items()}


def counters(sync: Synchronizer, view: str, now_ms: float = 0) -> dict[str, int]:
    camera = next(each for each in sync.status(round(now_ms * MS)).cameras if each.view == view)
    names = ("received", "used", "late", "duplicate", "unmatched", "overflow", "buffered")
    return {name: getattr(camera, name) for name in names if getattr(camera, name)}


def test_complete_set_goes_out_with_its_last_frame() -> None:
    sync = make()
    assert push(sync, BR, 101) == []
    assert push(sync, FR, 99) == []
    assert push(sync, FL, 100) == []
    (out,) = push(sync, BL, 104)
    assert out.views == VIEWS
    assert out.stamp_ns == 100 * MS
    assert tuple(out.frames) == VIEWS
    assert stamps_ms(out) == {FL: 100, FR: 99, BL: 104, BR: 101}
    assert out.skew_ns == 5 * MS
    assert sync.next_deadline_ns() is None


def test_frames_come_out_as_the_objects_that_went_in() -> None:
    sync = Synchronizer(("only",), 0, 0, 1)
    given = frame("only", 5)
    (out,) = sync.push(given, 5 * MS)
    assert out.frames["only"] is given


def test_incomplete_set_goes_out_at_its_deadline_and_not_before() -> None:
    sync = make()
    push(sync, FL, 100, now_ms=103)
    push(sync, BL, 101, now_ms=110)
    assert sync.next_deadline_ns() == 153 * MS
    assert sync.poll(153 * MS - 1) == []
    (out,) = sync.poll(153 * MS)
    assert out.missing == (FR, BR)
    assert out.mask == (True, False, True, False)
    assert sync.status(0).partial_sets == 1


def test_frames_left_by_a_dropped_set_group_anew_before_the_next_one_is_judged() -> None:
    sync = make(min_views=3, tolerance_ms=20)
    push(sync, FR, 82, now_ms=140)
    push(sync, FL, 99, now_ms=140)
    push(sync, FR, 119, now_ms=140)  # farther from 99 than 82 is: left over
    push(sync, BL, 133, now_ms=140)
    push(sync, BR, 133, now_ms=140)
    (out,) = sync.poll(300 * MS)
    assert stamps_ms(out) == {FR: 119, BL: 133, BR: 133}
    assert sync.status(0).dropped_sets == 1


def test_too_few_views_are_dropped_and_counted() -> None:
    sync = make(min_views=3)
    push(sync, FL, 100)
    push(sync, BL, 101)
    assert sync.poll(200 * MS) == []
    assert sync.status(0).dropped_sets == 1
    assert counters(sync, FL) == {"received": 1, "unmatched": 1}


def test_stamp_is_that_of_the_first_view_present() -> None:
    sync = make()
    push(sync, BR, 104)
    push(sync, FR, 100)
    (out,) = sync.poll(200 * MS)
    assert out.stamp_ns == 100 * MS


@pytest.mark.parametrize(("offset_ms", "views"), [(8, 2), (8.000001, 1)])
def test_tolerance_is_inclusive_and_measured_from_the_reference(offset_ms: float, views: int) -> None:
    sync = make(min_views=1)
    push(sync, FL, 100)
    push(sync, FR, 100 + offset_ms)
    assert len(sync.poll(200 * MS)[0].frames) == views


def test_frame_goes_to_the_nearest_reference() -> None:
    sync = make(tolerance_ms=20)
    for view, stamp in ((FL, 100), (FL, 133), (FR, 118), (FR, 90)):
        push(sync, view, stamp, now_ms=140)
    first, second = sync.poll(200 * MS)
    assert stamps_ms(first) == {FL: 100, FR: 90}
    assert stamps_ms(second) == {FL: 133, FR: 118}


def test_frames_of_one_camera_out_of_order_find_their_sets() -> None:
    sync = make()
    order = [(FL, 133), (FL, 100), (FR, 133), (BL, 100), (BR, 133), (BR, 100), (BL, 133), (FR, 100)]
    outs = [out for view, stamp in order for out in push(sync, view, stamp, now_ms=135)]
    assert [out.stamp_ns / MS for out in outs] == [100, 133]
    assert all(len(out.frames) == 4 for out in outs)


def test_complete_set_waits_for_an_older_one_that_can_still_complete() -> None:
    sync = make()
    push_all(sync, 100, (FL, FR, BL))
    assert push_all(sync, 133) == []
    older, newer = push(sync, BR, 101, now_ms=134)
    assert (older.stamp_ns, newer.stamp_ns) == (100 * MS, 133 * MS)


def test_cameras_that_keep_order_end_the_wait_with_their_next_frame() -> None:
    sync = make(order_proof=3)
    for moment in range(3):
        assert len(push_all(sync, 33 * moment)) == 1
    push_all(sync, 100, (FL, FR, BL))
    assert push(sync, FL, 133) == []
    older = push(sync, BR, 133)
    assert [out.missing for out in older] == [(BR,)]
    assert [out.missing for out in push_all(sync, 133, (FR, BL))] == [()]


def test_a_camera_found_out_of_order_is_waited_for_again() -> None:
    sync = make(order_proof=3)
    for moment in range(3):
        push_all(sync, 33 * moment)
    push(sync, BR, 120)
    push(sync, BR, 110, now_ms=121)
    push_all(sync, 100, (FL, FR, BL))
    assert push(sync, BR, 133) == []
    assert len(push(sync, BR, 100, now_ms=134)) == 1


@pytest.mark.parametrize(("frames_before", "sets"), [(ORDER_PROOF - 2, 0), (ORDER_PROOF - 1, 1)])
def test_order_is_trusted_after_proof(frames_before: int, sets: int) -> None:
    sync = make()
    for moment in range(frames_before):
        push_all(sync, 33 * moment)
    stamp = 33 * frames_before
    push_all(sync, stamp, (FL, FR, BL))
    assert len(push(sync, BR, stamp + 33)) == sets


def test_duplicates_are_counted_once() -> None:
    sync = make()
    push(sync, FL, 100)
    push(sync, FL, 100, now_ms=101)
    (out,) = push_all(sync, 100, (FR, BL, BR))
    push(sync, FL, 100, now_ms=102)
    assert len(out.frames) == 4
    assert counters(sync, FL) == {"received": 3, "used": 1, "duplicate": 2}


def test_frame_of_a_set_that_went_out_is_late_and_makes_no_second_set() -> None:
    sync = make(min_views=1)
    push_all(sync, 100, (FL, FR, BL))
    assert len(sync.poll(150 * MS)) == 1
    push(sync, BR, 102, now_ms=151)
    assert sync.poll(300 * MS) == []
    assert counters(sync, BR) == {"received": 1, "late": 1}


def test_frame_older_than_the_one_that_was_used_is_late() -> None:
    sync = make(min_views=1)
    push(sync, FL, 100)
    push_all(sync, 104, (FR, BL, BR))
    push(sync, FR, 102, now_ms=105)
    assert sync.poll(300 * MS) == []
    assert counters(sync, FR) == {"received": 2, "used": 1, "late": 1}


def test_frame_of_long_ago_is_late() -> None:
    sync = make()
    push_all(sync, 100)
    push_all(sync, 133)
    push(sync, BR, 70, now_ms=134)
    assert counters(sync, BR) == {"received": 3, "used": 2, "late": 1}


def test_a_dead_camera_stops_delaying_the_others() -> None:
    sync = make()
    waits = []
    for moment in range(STALL_SETS + 3):
        now_ms = 33 * moment
        sent = push_all(sync, now_ms, (FL, FR, BL))
        waits.append(not sent)
        if not sent:
            assert len(sync.poll(sync.next_deadline_ns() or 0)) == 1
    assert waits == [True] * STALL_SETS + [False] * 3
    assert [camera.stalled for camera in sync.status(0).cameras] == [False, False, False, True]


def test_a_camera_that_returns_is_waited_for_again() -> None:
    sync = make(max_wait_ms=0)
    for moment in range(STALL_SETS):
        push_all(sync, 33 * moment, (FL, FR, BL))
    sync.configure(8 * MS, 50 * MS, 2)
    assert len(push_all(sync, 1000, (FL, FR, BL))) == 1
    assert push(sync, BR, 1000, now_ms=1020) == []  # too late for its set, but a sign of life
    assert push_all(sync, 1033, (FL, FR, BL)) == []
    assert len(push(sync, BR, 1033, now_ms=1053)) == 1
    assert not sync.status(0).cameras[3].stalled


def test_a_camera_with_a_slow_transport_that_returns_is_waited_for_again() -> None:
    sync = make(max_wait_ms=0)
    for moment in range(STALL_SETS):
        push_all(sync, 33 * moment, (FL, FR, BL))
    sync.configure(8 * MS, 50 * MS, 2)
    push_all(sync, 1000, (FL, FR, BL))
    push_all(sync, 1033, (FL, FR, BL))
    push(sync, BR, 1000, now_ms=1040)
    assert push_all(sync, 1066, (FL, FR, BL)) == []
    push(sync, BR, 1033, now_ms=1073)
    assert len(push(sync, BR, 1066, now_ms=1106)) == 1


def test_a_camera_with_a_wrong_clock_does_not_disturb_the_others() -> None:
    sync = make()
    complete = []
    for moment in range(200):
        now_ms = 33 * moment
        push(sync, BR, now_ms + 10_000, now_ms)
        sent = push_all(sync, now_ms, (FL, FR, BL)) + sync.poll(round((now_ms + 30) * MS))
        complete.append(len(sent))
    assert complete[ORDER_PROOF + 2 :] == [1] * (200 - ORDER_PROOF - 2)
    assert counters(sync, FL)["used"] >= 198


@pytest.mark.parametrize("phase_ms", [0, 4, 8, 12, 16, -4, -8, -12, -16])
def test_free_running_cameras_lose_no_set(phase_ms: float) -> None:
    sync = make(tolerance_ms=17)
    events = []
    for moment in range(100):
        for view, shift in ((FL, 0), (FR, phase_ms), (BL, -phase_ms / 2), (BR, phase_ms / 3)):
            events.append((100 + 33.333 * moment + shift, view))
    outs = [out for stamp, view in sorted(events) for out in push(sync, view, stamp, stamp + 2)]
    outs += sync.poll(10_000 * MS)
    assert sum(len(out.frames) == 4 for out in outs) >= 99
    assert sync.status(0).dropped_sets <= 2


def test_drifting_cameras_lose_one_set_per_slip_at_most() -> None:
    views = (FL, FR)
    sync = Synchronizer(views, 17 * MS, 50 * MS, 2)
    events = [(33.333 * k, FL) for k in range(2000)] + [(33.4 * k + 5, FR) for k in range(1996)]
    outs = [out for stamp, view in sorted(events) for out in push(sync, view, stamp)]
    slips = (33.4 - 33.333) * 1996 / 33.333
    assert len(outs) >= 1996 - math.ceil(slips) - 1


def test_stamps_that_jump_back_begin_a_new_time_at_once() -> None:
    sync = make()
    for lap in range(3):
        for moment in range(60):
            now_ms = 33 * (moment + 60 * lap)
            sent = [out for view in VIEWS for out in push(sync, view, 33 * moment, now_ms)]
            assert [out.stamp_ns for out in sent] == [33 * moment * MS], (lap, moment)
    assert sync.status(0).resets == 2


def test_jump_back_discards_frames_of_the_old_time() -> None:
    sync = make()
    push_all(sync, 10_000)
    push_all(sync, 10_033, (FL, FR))
    assert push(sync, FL, 0, now_ms=10_040) == []
    assert len(push_all(sync, 0, (FR, BL, BR), now_ms=10_041)) == 1
    assert counters(sync, FR) == {"received": 3, "used": 2, "unmatched": 1}
    assert sync.status(0).resets == 1


def test_frames_in_flight_during_a_jump_do_not_undo_it() -> None:
    sync = make()
    push_all(sync, 10_000)
    push(sync, FL, 0, now_ms=10_033)
    push(sync, BR, 10_033, now_ms=10_034)
    outs = push_all(sync, 0, (FR, BL, BR), now_ms=10_035)
    assert [len(out.frames) for out in outs] == [4]


def test_a_camera_that_was_silent_before_a_jump_returns_after_it() -> None:
    sync = make()
    push_all(sync, 100)
    push_all(sync, 10_000, VIEWS[1:])
    sync.poll(10_050 * MS)
    assert push_all(sync, 133, VIEWS[1:], now_ms=10_100) == []
    (out,) = push(sync, FL, 133, now_ms=10_101)
    assert not out.missing


def test_lateness_below_the_jump_limit_is_no_jump() -> None:
    sync = make()
    push_all(sync, 1000)
    push(sync, FL, 1000 - MIN_JUMP_NS / MS + 1)
    assert sync.status(0).resets == 0
    assert counters(sync, FL)["late"] == 1


def test_clock_that_jumps_back_clears_what_waits() -> None:
    sync = make()
    push(sync, FL, 10_000)
    push(sync, FR, 0)
    assert counters(sync, FL) == {"received": 1, "unmatched": 1}
    assert sync.next_deadline_ns() == 50 * MS


def test_reset_forgets_stamps_and_keeps_counters() -> None:
    sync = make()
    push_all(sync, 100)
    push(sync, FL, 133)
    sync.reset()
    assert sync.next_deadline_ns() is None
    assert len(push_all(sync, 100)) == 1
    assert counters(sync, FL) == {"received": 3, "used": 2, "unmatched": 1}
    assert sync.status(0).resets == 1


def test_memory_is_bounded_and_overflow_counted() -> None:
    sync = make(max_wait_ms=10_000, capacity=4)
    for moment in range(20):
        push(sync, FL, 33 * moment, now_ms=33 * moment)
    assert counters(sync, FL) == {"received": 20, "overflow": 16, "buffered": 4}


def test_full_buffer_sends_its_oldest_set_if_that_has_enough_views() -> None:
    sync = make(max_wait_ms=10_000, capacity=4)
    outs = [out for moment in range(6) for out in push_all(sync, 33 * moment, (FL, FR))]
    assert [out.stamp_ns / MS for out in outs] == [0, 33]
    assert counters(sync, FL) == {"received": 6, "used": 2, "buffered": 4}


def test_limits_can_change_while_frames_wait() -> None:
    sync = make(tolerance_ms=1)
    push_all(sync, 100, (FL, FR))
    push_all(sync, 105, (BL, BR))
    sync.configure(tolerance_ns=8 * MS, max_wait_ns=50 * MS, min_views=4)
    (out,) = sync.poll(106 * MS)
    assert len(out.frames) == 4


def test_status_measures_rate_skew_latency_and_silence() -> None:
    sync = make()
    for moment in range(91):
        stamp = 1000 + moment * 100 / 3
        for view, shift in ((FL, 0), (FR, 1), (BL, 2), (BR, 3)):
            push(sync, view, stamp + shift, now_ms=stamp + 10)
    status = sync.status(round((4000 + 10) * MS))
    assert status.complete_sets == 91
    assert status.rate_hz == pytest.approx(30, abs=0.1)
    assert status.skew_p50_s == pytest.approx(0.003)
    assert status.latency_p95_s == pytest.approx(0.010)
    assert [camera.rate_hz for camera in status.cameras] == pytest.approx([30] * 4, abs=0.1)
    later = sync.status(round((4000 + 10 + 2500) * MS))
    assert later.cameras[0].silent_s == pytest.approx(2.5)
    assert later.cameras[0].rate_hz < 20
    assert sync.status(20_000 * MS).rate_hz == 0


def test_status_before_the_first_frame() -> None:
    status = make().status(0)
    assert math.isnan(status.cameras[0].silent_s)
    assert math.isnan(status.latency_p50_s)
    assert math.isnan(status.skew_p95_s)
    assert status.rate_hz == 0


def test_unknown_view_names_the_views() -> None:
    with pytest.raises(ValueError, match="'chin'.*front_left, front_right"):
        make().push(frame("chin", 0), 0)


@pytest.mark.parametrize(
    ("views", "limits", "words"),
    [
        ((), (0, 0, 1), "one or more"),
        (("a", "a"), (0, 0, 1), "each once"),
        (("a", "b"), (-1, 0, 1), "tolerance_ns is -1"),
        (("a", "b"), (0, -1, 1), "max_wait_ns -1"),
        (("a", "b"), (0, 0, 3), "min_views is 3; expected 1 to 2"),
        (("a", "b"), (0, 0, 0), "min_views is 0"),
    ],
)
def test_impossible_limits_are_refused(views: tuple[str, ...], limits: tuple[int, int, int], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Synchronizer(views, *limits)
