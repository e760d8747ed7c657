"""Video streams and files, read by FFmpeg through PyAV.

OpenCV's reader of them is not used: it passes half a picture as a whole one, and scales pictures
of another size to that of the first one without a word.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from hilctl.cameras.reader import Image, PictureSource
from hilctl.errors import DeviceError
from hilctl.host_names import HostNameError, address_of, without_password
from hilctl.time_limit import within

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame

OPEN_S, READ_S = 5.0, 1.5
MARGIN_S = 2.0  # for what FFmpeg does without looking at the time
LONGEST_GAP_S = 1.0  # between two pictures of a file
JPEG_END = b"\xff\xd9"
TAIL = 512  # some cameras fill up the rest of a packet
# of a stream, nothing shall be kept back to smooth it
HASTY = {"fflags": "nobuffer", "flags": "low_delay", "rtsp_transport": "tcp"}
WHOLE_PICTURES = frozenset({"mjpeg", "rawvideo", "png", "ffv1"})  # none is made from earlier ones


def look_up_host(url: str) -> None:
    """See that the host of an address is known by its name, if it has one.

    Raises:
        HostNameError: it is not, or nobody says.
    """
    try:
        host = urlsplit(url).hostname if "://" in url else None
    except ValueError:  # FFmpeg says what is wrong with it
        return
    if host:
        address_of(host)


def _why(error: Exception) -> str:
    """Return what FFmpeg says, without the address, in which a password may be."""
    return getattr(error, "strerror", None) or type(error).__name__


class StreamSource(PictureSource):
    """A stream behind an address, such as MJPEG over HTTP.

    Args:
        url: as FFmpeg knows it.
        size_px: of the pictures, if it is asked for.

    Raises:
        DeviceError: nobody answers there, or with no video.
    """

    def __init__(self, url: str, size_px: tuple[int, int] | None = None) -> None:
        self._label, self._size_px = without_password(url), size_px
        self._container = self._opened(url)
        stream = self._container.streams.video[0]
        stream.thread_count = 1  # several are a picture or two behind
        self._codec = stream.codec_context.name
        self.may_repeat = self._codec not in WHOLE_PICTURES
        self._pictures = self._decoded()

    def read(self) -> Image | None:
        """Return the next picture.

        Raises:
            DeviceError: the stream has stalled or ended.
        """
        from av.error import ExitError, FFmpegError

        try:
            frame = next(self._pictures)
        except ExitError:
            raise DeviceError(f"{self._label} has sent nothing for {READ_S:g} s") from None
        except (FFmpegError, OSError) as error:
            raise DeviceError(f"{self._label} broke off: {_why(error)}") from None
        except StopIteration:
            raise DeviceError(f"{self._label} has ended") from None
        return None if frame is None else self._image(frame)

    def close(self) -> None:
        """Hang up."""
        self._container.close()

    def _image(self, frame: VideoFrame) -> Image:
        if self._size_px is not None and (frame.width, frame.height) != self._size_px:
            wanted = "×".join(map(str, self._size_px))
            raise DeviceError(
                f"{self._label} has pictures of {frame.width}×{frame.height} px, not of {wanted}",
                hint="set its resolution in task.yaml to what it has, or mend it where they come "
                "from",
            )
        return np.ascontiguousarray(frame.to_ndarray(format="rgb24"))

    def _opened(self, url: str) -> InputContainer:
        import av
        from av.error import ExitError, FFmpegError

        # what PyAV has of FFmpeg's log it would print; errors are raised
        av.logging.set_level(None)
        hint = "see that it runs, and that its address in task.yaml is right"
        try:
            look_up_host(url)
        except HostNameError as error:
            message = f"{self._label} cannot be opened: {error.message}"
            raise DeviceError(message, hint=error.hint) from None
        try:
            container = within(  # FFmpeg looks the name up once more
                OPEN_S + MARGIN_S,
                lambda: av.open(url, timeout=(OPEN_S, READ_S), options=self._options(url)),
            )
        except (ExitError, TimeoutError):
            raise DeviceError(
                f"{self._label} has not answered for {OPEN_S:g} s", hint=hint
            ) from None
        except (FFmpegError, OSError) as error:
            why = _why(error)
            raise DeviceError(f"{self._label} cannot be opened: {why}", hint=hint) from None
        if not container.streams.video:
            container.close()
            raise DeviceError(f"there are no pictures in {self._label}", hint=hint)
        return container

    def _options(self, url: str) -> dict[str, str]:
        scheme = url.partition("://")[0]
        return {key: HASTY[key] for key in HASTY if key != "rtsp_transport" or scheme == "rtsp"}

    def _decoded(self) -> Iterator[VideoFrame | None]:
        """Yield every picture, None for a damaged one."""
        from av.error import InvalidDataError

        for packet in self._container.demux(video=0):
            whole = not packet.is_corrupt and self._is_whole(packet)
            frames: list[Any] = []
            with suppress(InvalidDataError):
                frames = list(packet.decode())
            if not frames and packet.size and self._codec == "mjpeg":
                yield None
            for frame in frames:
                yield frame if whole and not frame.is_corrupt else None

    def _is_whole(self, packet: Packet) -> bool:
        """Return whether a packet holds all of its picture, as far as its format tells."""
        return self._codec != "mjpeg" or not packet.size or JPEG_END in bytes(packet)[-TAIL:]


class FileSource(StreamSource):
    """A video file, played at its own rate again and again.

    Args:
        path: of the file.
        size_px: of the pictures, if it is asked for.

    Raises:
        DeviceError: it is not there, or no video.
    """

    def __init__(self, path: Path, size_px: tuple[int, int] | None = None) -> None:
        if not path.is_file():
            raise DeviceError(
                f"there is no file {path}", hint="its path in task.yaml is that of a video"
            )
        super().__init__(str(path), size_px)
        self.may_repeat = True  # it may show a still picture
        self._begun_s: float | None = None

    def read(self) -> Image | None:
        """Return the next picture when its time has come."""
        try:
            frame = next(self._pictures)
        except StopIteration:
            self._container.seek(0)
            self._pictures, self._begun_s = self._decoded(), None
            return None
        if frame is None:
            return None
        now_s = time.monotonic()
        if self._begun_s is None:
            self._begun_s = now_s - (frame.time or 0.0)
        wait_s = self._begun_s + (frame.time or 0.0) - now_s
        time.sleep(min(max(wait_s, 0.0), LONGEST_GAP_S))
        return self._image(frame)

    def _options(self, url: str) -> dict[str, str]:
        return {}
