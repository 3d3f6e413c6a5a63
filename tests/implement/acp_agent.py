"""A small agent that speaks ACP with nothing but the standard library, and does what it is told to.

    python acp_agent.py '[["write", "a.py", "x = 2\n"], ["say", "done"]]'

It carries out its acts at each prompt; what it is answered it tells as a message, so that a trajectory
holds it. `--load` says that it can load sessions.
"""

import json
import os
import sys
import time

SESSION = "session-1"
_id = 0


def send(**message):
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def ask(method, **params):
    """Asks the client, and waits for its answer: (result, error)."""
    global _id
    _id += 1
    send(id=f"a{_id}", method=method, params={"sessionId": SESSION, **params})
    while True:
        line = sys.stdin.readline()
        if not line:
            sys.exit(0)
        message = json.loads(line)
        if message.get("id") == f"a{_id}" and "method" not in message:
            return message.get("result"), message.get("error")


def update(**what):
    send(method="session/update", params={"sessionId": SESSION, "update": what})


def say(text):
    update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text})


def act(kind, *given):
    here = os.getcwd()
    if kind == "say":
        say(given[0])
    elif kind == "think":
        update(sessionUpdate="agent_thought_chunk", content={"type": "text", "text": given[0]})
    elif kind == "write":
        path, content = given
        result, error = ask("fs/write_text_file", path=os.path.join(here, path), content=content)
        say(f"write: {error['message'] if error else 'ok'}. ")
    elif kind == "read":
        result, error = ask("fs/read_text_file", path=os.path.join(here, given[0]))
        say(f"read: {error['message'] if error else result['content']}. ")
    elif kind == "ask":
        options = [
            {"optionId": "y", "name": "Yes", "kind": "allow_once"},
            {"optionId": "n", "name": "No", "kind": "reject_once"},
        ]
        call = {
            "toolCallId": "c1",
            "kind": given[0],
            "title": "a tool",
            "locations": [{"path": given[1]}],
        }
        result, error = ask("session/request_permission", toolCall=call, options=options)
        say(f"permission: {result['outcome'].get('optionId', 'none')}. ")
    elif kind == "run":
        result, error = ask("terminal/create", command=given[0], args=list(given[1:]))
        if error:
            say(f"run: {error['message']}. ")
            return
        terminal = result["terminalId"]
        ended, _ = ask("terminal/wait_for_exit", terminalId=terminal)
        output, _ = ask("terminal/output", terminalId=terminal)
        ask("terminal/release", terminalId=terminal)
        say(f"run: {ended.get('exitCode')} {output['output'].strip()}. ")
    elif kind == "own":  # a tool of its own, that writes by itself
        path, content = given
        update(
            sessionUpdate="tool_call", toolCallId="t1", title="Edit", kind="edit", status="pending"
        )
        try:
            with open(path, "w") as file:
                file.write(content)
            told = "written"
        except OSError as error:
            told = str(error)
        text = {"type": "content", "content": {"type": "text", "text": told}}
        update(
            sessionUpdate="tool_call_update", toolCallId="t1", status="completed", kind="edit",
            content=[text], locations=[{"path": os.path.join(here, path)}],
        )  # fmt: skip
    elif kind == "servers":
        say(f"servers: {[s['name'] for s in SERVERS]}. ")
    elif kind == "environment":
        say(f"environment: {os.environ.get(given[0])}. ")
    elif kind == "die":
        sys.stderr.write("out of ideas\n")
        sys.exit(3)
    elif kind == "hang":
        time.sleep(600)
    elif kind == "nonsense":
        sys.stdout.write("this is no JSON\n[1, 2\n\n")
        sys.stdout.flush()
    elif kind == "flood":
        for _ in range(int(given[0])):
            say("x" * int(given[1]))
    elif kind == "endless":  # one line that never ends
        while True:
            sys.stdout.write("x" * (1 << 20))
    elif kind == "steps":
        for number in range(int(given[0])):
            update(sessionUpdate="tool_call", toolCallId=f"s{number}", title="Look", kind="read")
            ask("fs/read_text_file", path=os.path.join(here, "a.py"))


SERVERS = []


def main():
    global SERVERS
    acts = json.loads(sys.argv[1])
    if acts and acts[0] == ["mute"]:
        time.sleep(600)
    if acts and acts[0] == ["babble"]:
        print("usage: agent [--help]", flush=True)
        time.sleep(600)
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            version = 99 if acts and acts[0] == ["future"] else message["params"]["protocolVersion"]
            can = {"loadSession": "--load" in sys.argv}
            info = {"name": "small-agent", "version": "1"}
            send(id=number, result={"protocolVersion": version, "agentCapabilities": can, "agentInfo": info})  # fmt: skip
        elif method in ("session/new", "session/load"):
            SERVERS = message["params"]["mcpServers"]
            if acts and acts[0] == ["locked"]:
                send(id=number, error={"code": -32000, "message": "Authentication required"})
                continue
            say(f"{method}. ")
            send(id=number, result={"sessionId": SESSION} if method == "session/new" else {})
        elif method == "session/prompt":
            say(f"prompt: {message['params']['prompt'][0]['text']!r}. ")
            for each in acts:
                act(*each)
            send(id=number, result={"stopReason": "end_turn"})


main()
