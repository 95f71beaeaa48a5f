"""An MCP server over stdio in the standard library alone, of the era with handshakes; it can misbehave.

`python plain.py [--name NAME] [--tools a,b] [--mute FILE] [--quick] [--silent | --garbage]`
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from typing import Any

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"text": {"type": "string"}}}


def answer(message: dict[str, Any], options: argparse.Namespace) -> dict[str, Any] | None:
    """Return the result of a request, or None when it stays without an answer."""
    method, params = message["method"], message.get("params", {})
    if method == "initialize":
        capabilities: dict[str, Any] = {"tools": {}, "resources": {}}
        info = {"name": options.name, "version": "1.0"}
        return {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": info}
    if method == "tools/list":
        if os.path.exists(options.mute):  # noqa: PTH110 - as little as possible is imported
            return None
        return {"tools": [{"name": name, "inputSchema": SCHEMA} for name in options.tools.split(",")]}
    if method == "resources/list":
        return {"resources": [{"uri": f"plain://{options.name}", "name": "own"}]}
    if method == "resources/templates/list":
        return {"resourceTemplates": [{"uriTemplate": "plain://of/{anything}", "name": "any"}]}
    if method == "resources/read":
        if params["uri"].endswith("slow"):
            return None
        return {"contents": [{"uri": params["uri"], "text": f"{options.name} has {params['uri']}"}]}
    if method == "tools/call":
        return called(params["name"], params.get("arguments", {}), options)
    raise LookupError(method)


def called(tool: str, arguments: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return the result of a tool; some tools are faults."""
    if tool == "slow" and not options.quick:
        print("slow began", file=sys.stderr, flush=True)
        time.sleep(600)
    if tool == "wait":
        time.sleep(float(arguments["text"]))
    if tool == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if tool == "refuse":
        raise ValueError("it is not wanted")
    text = {
        "who": options.name,
        "pid": str(os.getpid()),
        "slow": "quick",
        "environment": json.dumps(dict(os.environ)),
    }.get(tool, arguments.get("text", ""))
    return {"content": [{"type": "text", "text": text}], "isError": tool == "fail"}


def respond(message: dict[str, Any], options: argparse.Namespace) -> None:
    """Write the answer to a request."""
    reply: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
    try:
        result = answer(message, options)
    except LookupError:
        reply["error"] = {"code": -32601, "message": "Method not found"}
    except ValueError as error:
        reply["error"] = {"code": -32602, "message": str(error)}
    else:
        if result is None:
            return
        reply["result"] = result
    os.write(1, json.dumps(reply).encode() + b"\n")  # several threads write


def main() -> None:
    """Serve until the input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", default="plain")
    parser.add_argument("--tools", default="echo,who,pid,environment,slow,wait,die,refuse,fail")
    parser.add_argument("--mute", default="/no/such/file", help="does not list tools while this file exists")
    parser.add_argument("--quick", action="store_true", help="its slow tool is not")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("--garbage", action="store_true")
    options = parser.parse_args()
    print(f"{options.name} is there", file=sys.stderr, flush=True)
    if options.silent:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            time.sleep(600)
    for line in sys.stdin:
        if options.garbage:
            print('{"this is": no answer', flush=True)
            continue
        message = json.loads(line)
        if "id" in message and "method" in message:
            threading.Thread(target=respond, args=(message, options), daemon=True).start()


if __name__ == "__main__":
    main()
