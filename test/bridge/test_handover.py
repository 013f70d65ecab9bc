"""Objects between nodes of one process."""

import threading

from egorear_ros.bridge.handover import Handover


def test_items_arrive_as_the_same_objects_in_the_publishers_thread() -> None:
    handover, got = Handover(), []
    handover.subscribe("/a", lambda item: got.append((item, threading.current_thread())))
    item = object()
    handover.publish("/a", item)
    handover.publish("/b", object())
    assert got == [(item, threading.current_thread())]


def test_every_receiver_gets_everything_until_it_unsubscribes() -> None:
    handover, first, second = Handover(), [], []
    end = handover.subscribe("/a", first.append)
    handover.subscribe("/a", second.append)
    handover.publish("/a", 1)
    end()
    end()
    handover.publish("/a", 2)
    assert (first, second) == ([1], [1, 2])


def test_offers() -> None:
    handover = Handover()
    assert not handover.offers("/a")
    handover.offer("/a")
    assert handover.offers("/a") and not handover.offers("/b")


def test_receivers_may_come_and_go_while_others_publish() -> None:
    handover, received, stop = Handover(), [], threading.Event()

    def publish() -> None:
        while not stop.is_set():
            handover.publish("/a", 1)

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        handover.subscribe("/a", received.append)()
    stop.set()
    for thread in threads:
        thread.join()
    received.clear()
    handover.publish("/a", 1)
    assert received == []
