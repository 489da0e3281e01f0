"""Healthy cameras: a gst-rtsp-server with several mounts, and a log of each coded frame handed to its payloaders.

Run by Debian's Python (its gi and gst-rtsp-server come from apt): `/usr/bin/python3 -m tests.support.gst_server JSON`.
It encodes nothing: each mount sends a clip round and round, live, stamped with frame numbers. Media are shared, all
clients of a mount see the same frames. Prints its port once it listens; obeys `{"stop": "/lobby"}` and
`{"start": "/lobby"}` on standard input, answering each with `ok`; ends when standard input ends, so that it never
outlives the tests.

The log has one JSON object per line: mount, run (counts the times the camera's media was started), stream, n, pts
(seconds since the run's begin), key, md5, bytes and wall_ms, when it went out.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final, TextIO

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402  gi wants the versions first

from tests.support.clips import Clip, Coded  # noqa: E402

NS: Final = 1_000_000_000

AAC: Final = "audio/mpeg,mpegversion=4,stream-format=raw,framed=true"
CAPS: Final = {
    "h264": "video/x-h264,stream-format=byte-stream,alignment=au",
    "h265": "video/x-h265,stream-format=byte-stream,alignment=au",
    "aac": AAC + ",rate={rate},channels={channels},codec_data=(buffer){extra}",
    "pcmu": "audio/x-mulaw,rate={rate},channels={channels}",
    "pcma": "audio/x-alaw,rate={rate},channels={channels}",
}
PAYLOADERS: Final = {
    "h264": "rtph264pay",
    "h265": "rtph265pay",
    "aac": "rtpmp4gpay",
    "pcmu": "rtppcmupay",
    "pcma": "rtppcmapay",
}


class Track:
    """One clip on its way into one payloader, for one run of the media."""

    def __init__(self, mount: Mount, run: int, clip: Clip, source: Any, delay_ms: int) -> None:
        self.mount, self.run, self.clip, self.source = mount, run, clip, source
        self.delay_ns = delay_ms * NS // 1000
        self.name = "video" if clip.video else "sound"
        self.rounds = clip.rounds(mount.numbers[self.name])
        self.next = next(self.rounds)
        self.first_dts = self.next.dts
        self.pending: dict[int, Coded] = {}
        payloader = source.get_static_pad("src").get_peer()
        payloader.add_probe(Gst.PadProbeType.BUFFER, self._sent)

    def ns(self, ticks: int) -> int:
        return (ticks - min(self.first_dts, 0)) * NS // self.clip.rate + self.delay_ns

    @property
    def due_ns(self) -> int:
        return self.ns(self.next.dts)

    def push(self) -> bool:
        """False once the pipeline no longer takes buffers."""
        coded = self.next
        buffer = Gst.Buffer.new_wrapped(coded.annexb if self.clip.video else coded.units[0])
        buffer.pts, buffer.dts, buffer.offset = self.ns(coded.pts), self.ns(coded.dts), coded.number
        if not coded.key:
            buffer.set_flags(Gst.BufferFlags.DELTA_UNIT)
        self.pending[coded.number] = coded
        self.next = next(self.rounds)
        self.mount.numbers[self.name] = self.next.number
        return bool(self.source.emit("push-buffer", buffer) == Gst.FlowReturn.OK)

    def _sent(self, _pad: Any, info: Any) -> Any:
        buffer = info.get_buffer()
        coded = self.pending.pop(buffer.offset)
        line = {
            "mount": self.mount.path,
            "run": self.run,
            "stream": self.name,
            "n": coded.number,
            "pts": buffer.pts / NS,
            "key": coded.key,
            "md5": coded.md5,
            "bytes": buffer.get_size(),
            "wall_ms": time.time_ns() // 1_000_000,
        }
        self.mount.log.write(json.dumps(line) + "\n")
        return Gst.PadProbeReturn.OK


class Mount:
    """One camera: its clips, its account, and its media whenever somebody looks."""

    def __init__(self, spec: dict[str, Any], log: TextIO) -> None:
        self.path: str = spec["path"]
        self.user: str | None = spec.get("user")
        self.password: str | None = spec.get("password")
        self.role = f"viewer-of{self.path}" if self.user else "anybody"
        self.delay_ms: int = spec.get("sound_delay_ms", 0)
        self.clips = [Clip.load(Path(spec[name])) for name in ("video", "sound") if spec.get(name)]
        self.log = log
        self.runs = 0
        self.numbers = {"video": 0, "sound": 0}

    def launch(self) -> str:
        parts = []
        for index, clip in enumerate(self.clips):
            caps = CAPS[clip.codec].format(rate=clip.rate, channels=clip.channels, extra=clip.extra.hex())
            source = f'appsrc name=track{index} is-live=true format=time max-bytes=0 caps="{caps}"'
            parts.append(f"{source} ! {PAYLOADERS[clip.codec]} name=pay{index} pt={96 + index}")
        return "( " + " ".join(parts) + " )"

    def factory(self, role: str) -> Any:
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(self.launch())
        factory.set_shared(True)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("anybody", "media.factory.access", True)
        permissions.add_permission_for_role(role, "media.factory.access", True)
        permissions.add_permission_for_role(role, "media.factory.construct", True)  # who may not is told 401, not 404
        factory.set_permissions(permissions)
        factory.connect("media-configure", lambda _factory, media: self._configure(media))
        return factory

    def _configure(self, media: Any) -> None:
        self.runs += 1
        bin_ = media.get_element()
        tracks = [
            Track(self, self.runs, clip, bin_.get_by_name(f"track{index}"), self.delay_ms if index else 0)
            for index, clip in enumerate(self.clips)
        ]
        over = threading.Event()
        media.connect("unprepared", lambda _media: over.set())
        threading.Thread(target=feed, args=(tracks, over), daemon=True).start()


def feed(tracks: list[Track], over: threading.Event) -> None:
    """Push each frame when it is due, as a camera does, until the media is over."""
    begin = time.monotonic_ns()
    while not over.is_set():
        track = min(tracks, key=lambda candidate: candidate.due_ns)
        wait_ns = begin + track.due_ns - time.monotonic_ns()
        if wait_ns > 0 and over.wait(wait_ns / NS):
            return
        if not track.push():
            return


class Server:
    def __init__(self, spec: dict[str, Any]) -> None:
        log = Path(spec["log"]).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115  open until the process ends
        self.mounts = {mount["path"]: Mount(mount, log) for mount in spec["mounts"]}
        self.clients: dict[str, set[Any]] = {path: set() for path in self.mounts}
        self.server = GstRtspServer.RTSPServer()
        self.server.set_address("127.0.0.1")
        self.server.set_service(str(spec.get("port", 0)))
        self._authenticate(spec.get("auth", "digest"))
        for path in self.mounts:
            self.start(path)
        self.server.connect("client-connected", lambda _server, client: self._connected(client))

    def _authenticate(self, method: str) -> None:
        """Mounts without a user stay open to everybody; one mount's user may not see another's."""
        auth = GstRtspServer.RTSPAuth()
        methods = {"basic": GstRtsp.RTSPAuthMethod.BASIC, "digest": GstRtsp.RTSPAuthMethod.DIGEST}
        auth.set_supported_methods(methods[method])
        auth.set_default_token(token("anybody"))
        for mount in self.mounts.values():
            if mount.user is None or mount.password is None:
                continue
            if method == "basic":
                auth.add_basic(GstRtspServer.RTSPAuth.make_basic(mount.user, mount.password), token(mount.role))
            else:
                auth.add_digest(mount.user, mount.password, token(mount.role))
        self.server.set_auth(auth)

    def _connected(self, client: Any) -> None:
        def described(_client: Any, context: Any) -> None:
            self.clients.get(context.uri.abspath, set()).add(client)

        def closed(_client: Any) -> None:
            for clients in self.clients.values():
                clients.discard(client)

        client.connect("describe-request", described)
        client.connect("closed", closed)

    def start(self, path: str) -> None:
        mount = self.mounts[path]
        self.server.get_mount_points().add_factory(path, mount.factory(mount.role))

    def stop(self, path: str) -> None:
        """The camera goes: whoever watches is cut off, and finds nothing when he comes back."""
        self.server.get_mount_points().remove_factory(path)
        for client in list(self.clients[path]):
            client.close()

    def obey(self, line: str) -> None:
        for verb, path in json.loads(line).items():
            {"start": self.start, "stop": self.stop}[verb](path)
        say("ok")


def token(role: str) -> Any:
    made = GstRtspServer.RTSPToken()
    made.set_string("media.factory.role", role)
    return made


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> None:
    Gst.init(None)
    server = Server(json.loads(sys.argv[1]))
    loop = GLib.MainLoop()

    def listen() -> None:
        for line in sys.stdin:
            GLib.idle_add(lambda text=line: bool(server.obey(text)))
        GLib.idle_add(loop.quit)

    if server.server.attach(None) == 0:
        raise SystemExit("gst-rtsp-server cannot listen")
    threading.Thread(target=listen, daemon=True).start()
    say(str(server.server.get_bound_port()))
    loop.run()


if __name__ == "__main__":
    main()
