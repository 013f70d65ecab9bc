"""What all nodes share: configuration, lifecycle, rig, diagnostics, time jumps."""

import traceback
from collections.abc import Callable, Iterable, Mapping
from threading import Thread
from typing import Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType, JumpThreshold
from rclpy.duration import Duration
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription
from std_srvs.srv import SetBool, Trigger
from tf2_msgs.msg import TFMessage

from egorear_ros.bridge.diagnostics import Health, Level, diagnostic_array
from egorear_ros.bridge.handover import Handover
from egorear_ros.bridge.logs import ThrottledLog, forward_logging
from egorear_ros.bridge.params import declare_params
from egorear_ros.bridge.qos import latched_qos, overridable, results_qos
from egorear_ros.bridge.qos_watch import QosWatch
from egorear_ros.bridge.tf import static_tree
from egorear_ros.bridge.trace_control import TraceControl
from egorear_ros.config import ConfigError, NodeConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Rig

C = TypeVar("C", bound=NodeConfig)

AUTOSTART_S = 0.05
AUTOSTART_RETRY_S = (2.0, 30.0)
"""First and longest wait before a failed start is tried again; each wait is twice the one before."""

EXPECTED_ERRORS = (ValueError, RuntimeError, OSError, ImportError)
"""Errors whose text says what to do; any other is a fault of this package and is logged with its traceback."""


class EgorearNode(LifecycleNode, Generic[C]):
    """A lifecycle node with typed parameters, a rig, diagnostics and an automatic start.

    A node type overrides the four hooks `configure`, `activate`, `deactivate`, `cleanup`, and `reset`,
    `health` and `parameters_changed` where it needs them. A hook raises if it cannot do its work: the
    transition fails, the reason is logged and stands in diagnostics, everybody else goes on.

    Attributes:
        config: the node's configuration; dynamic parameters change it in place.
        rig: the calibrated rig; from `configure` to `cleanup`.
        handover: shares frames with the other nodes of this process; None: there are none.
        warn: throttled warnings with a count: `warn(kind, text)`.
        enabled: False after a call of `~/enable` with false.
        starts_slowly: whether the automatic start needs a thread, so that it does not hold up the other
            nodes of the process.
        finished: True when the node's work is over and its process should end.
    """

    rig: Rig
    starts_slowly = False

    def __init__(self, name: str, config: C, *, handover: Handover | None = None, **kwargs: Any) -> None:
        """Create the node and declare its parameters.

        Args:
            name: node name; remapping (`__node`) wins.
            config: defaults; parameters replace the values in place.
            handover: see the class.
            **kwargs: for `rclpy.node.Node`.

        Raises:
            ConfigError: a parameter is unknown, of the wrong type, or out of range.
        """
        super().__init__(name, **kwargs)
        forward_logging(get_logger)
        self._state = "unconfigured"
        self._failure = ""
        self._entities: list[Callable[[], Any]] = []
        self.enabled = True
        self.finished = False
        self.handover = handover
        self.warn = ThrottledLog(self.get_logger().warning)
        self._qos_watch = QosWatch(self, self.get_logger().error)
        try:
            self.config = declare_params(
                self,
                config,
                locked=lambda: self._state != "unconfigured",
                accept=self.check_parameters,
                changed=self.parameters_changed,
            )
        except ConfigError:
            self._destroy_handles()
            raise
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # with simulated time a ROS timer waits for /clock
        self._diagnostics = self.create_publisher(
            DiagnosticArray, "/diagnostics", results_qos(), qos_overriding_options=overridable()
        )
        self._diagnostics_timer = self.create_timer(1.0, self._publish_diagnostics, clock=steady)
        self._services_kept = (
            self.create_service(SetBool, "~/enable", self._on_enable),
            self.create_service(Trigger, "~/reset", self._on_reset),
        )
        self._trace = TraceControl(self, self.config.trace_file)
        backward = JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True)
        self._jump_handle = self.get_clock().create_jump_callback(backward, post_callback=self._on_jump)
        self._autostarting = self._ending = False
        self._autostart_thread: Thread | None = None
        self._autostart_retry_s = AUTOSTART_RETRY_S[0]
        self._autostart_timer = self.create_timer(AUTOSTART_S, self._autostart, clock=steady)
        if not self.config.autostart:
            self._autostart_timer.cancel()

    # Hooks

    def configure(self) -> None:
        """Load what `activate` needs; create publishers and subscriptions. `self.rig` is set."""

    def activate(self) -> None:
        """Begin to work."""

    def deactivate(self) -> None:
        """Stop working; `activate` may follow."""

    def cleanup(self) -> None:
        """Release what `configure` made, also after it failed halfway; topics are destroyed afterwards."""

    def reset(self) -> None:
        """Forget everything that came from earlier frames: time jumped back, or `~/reset` was called."""

    def time_jumped_back(self) -> None:
        """Follow a jump of time, the new time being `now_ns`: what came before is forgotten."""
        self.reset()

    def health(self) -> Iterable[Health]:
        """Return the node's own diagnostics, once a second while it is configured."""
        return ()

    def check_parameters(self, values: Mapping[str, Any]) -> None:
        """Raise ConfigError if new values, each within its own limits, do not fit what the node does now."""

    def parameters_changed(self, names: frozenset[str]) -> None:
        """Take up changed parameters; `self.config` has the new values."""

    # For node types

    @property
    def active(self) -> bool:
        """Whether the node is in the lifecycle state "active"."""
        return self._state == "active"

    @property
    def running(self) -> bool:
        """Whether the node is active and was not disabled."""
        return self._state == "active" and self.enabled

    def frame_id(self, name: str) -> str:
        """Return a TF frame name with the configured prefix."""
        return f"{self.config.frame_prefix}{name}"

    def now_ns(self) -> int:
        """Return the time of the ROS clock, ns."""
        return int(self.get_clock().now().nanoseconds)

    def make_publisher(self, kind: type, topic: str, qos: QoSProfile) -> Publisher:
        """Create a publisher that users may override the QoS of; it lives until cleanup."""
        events = self._qos_watch.publisher_events(self.resolve_topic_name(topic), qos)
        publisher = self.create_publisher(
            kind, topic, qos, event_callbacks=events, qos_overriding_options=overridable()
        )
        self._entities.append(lambda: self.destroy_publisher(publisher))
        return publisher

    def make_subscription(self, kind: type, topic: str, callback: Callable[..., None], qos: QoSProfile) -> Subscription:
        """Create a subscription that users may override the QoS of; it lives until cleanup."""
        events = self._qos_watch.subscription_events(self.resolve_topic_name(topic), qos)
        subscription = self.create_subscription(
            kind, topic, callback, qos, event_callbacks=events, qos_overriding_options=overridable()
        )
        self._entities.append(lambda: self.destroy_subscription(subscription))
        return subscription

    def receive_here(self, topic: str, receiver: Callable[[Any], None]) -> bool:
        """Receive a topic by handover until cleanup; False: no node of this process publishes it."""
        name = self.resolve_topic_name(topic)
        if self.handover is None or not self.handover.offers(name):
            return False
        self._entities.append(self.handover.subscribe(name, receiver))
        return True

    def qos_problems(self) -> list[str]:
        """Return a sentence for each topic of this node whose QoS does not fit that of somebody else."""
        return self._qos_watch.problems()

    # Lifecycle

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the rig, then configure."""
        return self._change("configure", "inactive", self._configure, self._cleanup)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to work."""
        return self._change("activate", "active", self.activate, self.deactivate)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop working."""
        return self._change("deactivate", "inactive", self.deactivate)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Release everything."""
        return self._change("clean up", "unconfigured", self._cleanup)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop and release everything, for good."""
        return self._change("shut down", "finalized", self._release)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after a failed transition."""
        return self._change("recover", "unconfigured", self._release)

    def destroy_node(self) -> None:
        """Stop, release and destroy the node; a slow start that is under way is waited for."""
        self._ending = True
        if self._autostart_thread is not None:
            self._autostart_thread.join()
        try:
            self._release()
        except Exception:  # noqa: BLE001 -- whatever a node type raises, the node must go
            self.get_logger().error(f"while ending:\n{traceback.format_exc()}")
        self._jump_handle.unregister()
        self._destroy_handles()

    def _destroy_handles(self) -> None:
        super().destroy_node()
        # rclpy forgets this one, and the node would stay in the graph until this object is collected.
        self._state_machine.destroy_when_not_in_use()

    def _change(
        self, verb: str, reached: str, work: Callable[[], None], undo: Callable[[], None] | None = None
    ) -> TransitionCallbackReturn:
        if not self._autostarting:
            self._autostart_timer.cancel()  # somebody else manages this node
        try:
            work()
        except Exception as error:  # noqa: BLE001 -- a node that cannot change its state reports why
            self._fail(verb, error)
            if undo is None:
                return TransitionCallbackReturn.ERROR
            undo()
            return TransitionCallbackReturn.FAILURE
        self._failure = ""
        self._state = reached
        self.get_logger().debug(f"{verb}: done, now {reached}")
        return TransitionCallbackReturn.SUCCESS

    def _fail(self, verb: str, error: Exception) -> None:
        text = f"cannot {verb}: {str(error) or type(error).__name__}"
        if text != self._failure:  # an autostart that fails again for the same reason says so in diagnostics only
            detail = "" if isinstance(error, EXPECTED_ERRORS) else f"\n{traceback.format_exc()}"
            self.get_logger().error(text + detail)
        self._failure = text

    def _configure(self) -> None:
        self._trace.begin()
        self.rig = load_rig(self.config.calib)
        if self.config.publish_static_tf:
            self.make_publisher(TFMessage, "/tf_static", latched_qos()).publish(
                static_tree(self.rig, self.config.frame_prefix, self.get_clock().now().to_msg())
            )
        self.configure()

    def _cleanup(self) -> None:
        self.cleanup()
        for destroy in reversed(self._entities):
            destroy()
        self._entities.clear()
        self._qos_watch.forget()

    def _release(self) -> None:
        state, self._state = self._state, "unconfigured"
        self._trace.end()
        try:
            if state == "active":
                self.deactivate()
        finally:
            if state in ("active", "inactive"):
                self._cleanup()

    def _autostart(self) -> None:
        """Configure and activate; after a failure try again later, as long as nobody else takes over."""
        self._autostart_timer.cancel()
        if self.starts_slowly:
            self._autostart_thread = Thread(target=self._start, name=f"start_{self.get_name()}", daemon=True)
            self._autostart_thread.start()
        else:
            self._start()

    def _start(self) -> None:
        self._autostarting = True
        try:
            done = self._state == "inactive" or self.trigger_configure() == TransitionCallbackReturn.SUCCESS
            done = done and not self._ending and self.trigger_activate() == TransitionCallbackReturn.SUCCESS
        finally:
            self._autostarting = False
        if done:
            self.get_logger().info("running")
            return
        if self._ending:
            return
        self._autostart_timer.timer_period_ns = int(self._autostart_retry_s * 1e9)
        self._autostart_timer.reset()
        self._autostart_retry_s = min(2 * self._autostart_retry_s, AUTOSTART_RETRY_S[1])

    # Services, time and diagnostics

    def _on_enable(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        self.enabled = bool(request.data)
        response.success = True
        response.message = "enabled" if self.enabled else "disabled"
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.reset()
        response.success = True
        response.message = "reset"
        return response

    def _on_jump(self, jump: Any) -> None:
        self.get_logger().info("time jumped back or changed its source: what came before is forgotten")
        self.time_jumped_back()

    def _publish_diagnostics(self) -> None:
        parts = [self._state_health()]
        parts += [Health("qos", Level.ERROR, problem) for problem in self.qos_problems()]
        hardware = ""
        if self._state in ("inactive", "active"):
            hardware = self.rig.name
            parts += self.health()
        message = diagnostic_array(self.get_clock().now().to_msg(), self.get_fully_qualified_name(), hardware, parts)
        self._diagnostics.publish(message)

    def _state_health(self) -> Health:
        values = {"state": self._state, "enabled": self.enabled, "warnings": self.warn.total}
        if self._failure:
            return Health("state", Level.ERROR, self._failure, values)
        if not self.enabled:
            return Health("state", Level.WARN, "disabled; call ~/enable with true", values)
        return Health("state", Level.OK, self._state, values)
