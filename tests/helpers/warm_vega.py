"""A Vega that is started once: the process of a forked command passes its charts to it.

Starting Vega takes longer than drawing the charts of a report. This file is three programs: what
forks commands starts the one that draws, and each command starts the third in place of
`tasks/report/vega_process.py`, by the path of a link beside the socket at which the first listens.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

SOCKET = "vega-socket"


def start_drawing(folder: Path) -> Path:
    """Start the program that draws; return the one that commands are to start instead of Vega.

    It ends with this process and those that it forks. The socket and the link are in the folder.
    """
    program = folder / "vega.py"
    for file in (folder / SOCKET, program):
        file.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / SOCKET))
    listener.listen(100)
    theirs, _ours = os.pipe()  # ours is closed when we have ended, and all that we fork
    subprocess.Popen(
        [sys.executable, __file__, str(listener.fileno())],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
    )
    os.close(theirs)
    listener.close()
    program.symlink_to(__file__)
    return program


def _draw(listener: socket.socket) -> None:
    """Draw for each that connects, one chart at a time, and the same chart once for all."""
    import json
    import runpy
    from threading import Lock, Thread

    import vl_convert

    root = Path(__file__).parents[2]
    vega = runpy.run_path(str(root / "tasks" / "report" / "vega_process.py"))
    made, turn = vega["_made"], Lock()
    draw, images = vl_convert.vegalite_to_svg, dict[str, str]()

    def drawn_once(chart: Any, **options: Any) -> str:
        key = json.dumps([chart, options])
        if key not in images:
            images[key] = draw(chart, **options)
        return images[key]

    vl_convert.vegalite_to_svg = drawn_once  # type: ignore[assignment] # as `made` calls it

    def end_with_our_starter() -> None:
        sys.stdin.read()
        os._exit(0)

    def answer(connection: socket.socket) -> None:
        _, files, _, _ = socket.recv_fds(connection, 1, 2)
        with connection, open(files[0]) as asked, open(files[1], "w") as answers:
            for line in asked:
                with turn:
                    drawn = made(json.loads(line))
                print(json.dumps(drawn), file=answers, flush=True)

    Thread(target=end_with_our_starter, daemon=True).start()
    made({"charts": [vega["TRIAL"]], "script": None})
    while True:
        Thread(target=answer, args=[listener.accept()[0]], daemon=True).start()


def _pass_on() -> None:
    """Have what comes on standard input drawn, until it ends."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(Path(__file__).with_name(SOCKET)))
        socket.send_fds(connection, [b"f"], [0, 1])
        connection.recv(1)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _draw(socket.socket(fileno=int(sys.argv[1])))
    else:
        _pass_on()
