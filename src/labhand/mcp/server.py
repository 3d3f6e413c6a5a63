"""The server: tools, pages and prompts over standard input and output, by the official package."""

import inspect
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
import mcp_types as protocol
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from labhand import __version__
from labhand.core.errors import LabhandError, NotFoundError
from labhand.mcp import looking, pages, running
from labhand.mcp.tools import Call, Here, Tool, name_of, schema_of, taken

TOOLS: dict[str, type[Tool]] = {name_of(tool): tool for tool in (*looking.TOOLS, *running.TOOLS)}
MOST_COMPLETIONS = 100

Answer = TypeVar("Answer")


def serve(cwd: Path) -> None:
    """Serves until standard input ends. Blocks; standard output is the protocol's alone."""
    anyio.run(_serve, Here(cwd))


async def _serve(here: Here) -> None:
    server = made(here)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def made(here: Here) -> Any:
    """The server, ready to run on any transport."""
    return Server(
        "labhand",
        version=__version__,
        title="labhand",
        instructions=pages.INSTRUCTIONS,
        on_list_tools=_list_tools,
        on_call_tool=partial(_call_tool, here),
        on_list_resources=partial(_list_resources, here),
        on_list_resource_templates=_list_templates,
        on_read_resource=partial(_read_resource, here),
        on_list_prompts=_list_prompts,
        on_get_prompt=_get_prompt,
        on_completion=partial(_complete, here),
    )


async def _list_tools(context: Any, params: Any) -> Any:
    return protocol.ListToolsResult(
        tools=[
            protocol.Tool(
                name=name,
                description=" ".join((inspect.getdoc(tool) or "").split()),
                input_schema=schema_of(tool),
                annotations=protocol.ToolAnnotations(
                    read_only_hint=tool.reads,
                    destructive_hint=tool.ends,
                    open_world_hint=name == "run",
                ),
            )
            for name, tool in TOOLS.items()
        ]
    )


async def _call_tool(here: Here, context: Any, params: Any) -> Any:
    def work(call: Call) -> str:
        if params.name not in TOOLS:
            known = ", ".join(f"`{name}`" for name in TOOLS)
            raise NotFoundError(f"no tool is named `{params.name}`; there are {known}")
        return taken(TOOLS[params.name], params.arguments or {}).do(call)

    try:
        text, wrong = await _in_thread(here, context, work), False
    except LabhandError as error:
        text, wrong = str(error), True
    except Exception as error:  # the agent is told in a sentence; the rest is for our own log
        traceback.print_exc(file=sys.stderr)
        text, wrong = f"`{params.name}` failed: {type(error).__name__}: {error}", True
    return protocol.CallToolResult(
        content=[protocol.TextContent(type="text", text=text)], is_error=wrong
    )


async def _in_thread(here: Here, context: Any, work: Callable[[Call], Answer]) -> Answer:
    """What the work gives, done beside the loop; it hears when the agent has gone."""
    gone = threading.Event()

    def tell(done: float, total: float | None, message: str) -> None:
        if not gone.is_set():
            anyio.from_thread.run(context.session.report_progress, done, total, message)

    try:
        return await anyio.to_thread.run_sync(work, Call(here, tell, gone), abandon_on_cancel=True)
    finally:
        gone.set()


async def _list_resources(here: Here, context: Any, params: Any) -> Any:
    found = await _in_thread(here, context, pages.pages)
    return protocol.ListResourcesResult(
        resources=[
            protocol.Resource(
                uri=page.uri, name=page.name, description=page.description, mime_type=page.kind
            )
            for page in found
        ]
    )


async def _list_templates(context: Any, params: Any) -> Any:
    return protocol.ListResourceTemplatesResult(
        resource_templates=[
            protocol.ResourceTemplate(
                uri_template=page.uri,
                name=page.name,
                description=page.description,
                mime_type=page.kind,
            )
            for page in pages.TEMPLATES
        ]
    )


async def _read_resource(here: Here, context: Any, params: Any) -> Any:
    uri = str(params.uri)
    try:
        text, kind = await _in_thread(here, context, lambda call: pages.read(call, uri))
    except LabhandError as error:
        raise MCPError(protocol.INVALID_PARAMS, str(error), {"uri": uri}) from error
    return protocol.ReadResourceResult(
        contents=[protocol.TextResourceContents(uri=params.uri, text=text, mime_type=kind)]
    )


async def _list_prompts(context: Any, params: Any) -> Any:
    return protocol.ListPromptsResult(
        prompts=[
            protocol.Prompt(
                name=prompt.name,
                description=prompt.description,
                arguments=[
                    protocol.PromptArgument(
                        name=key, description=what, required=key == "instruction"
                    )
                    for key, what in prompt.arguments.items()
                ],
            )
            for prompt in pages.PROMPTS
        ]
    )


async def _get_prompt(context: Any, params: Any) -> Any:
    try:
        description, text = pages.prompt(params.name, params.arguments or {})
    except LabhandError as error:
        raise MCPError(protocol.INVALID_PARAMS, str(error)) from error
    said = protocol.PromptMessage(role="user", content=protocol.TextContent(type="text", text=text))
    return protocol.GetPromptResult(description=description, messages=[said])


async def _complete(here: Here, context: Any, params: Any) -> Any:
    argument = params.argument
    names = await _in_thread(
        here, context, lambda call: pages.completions(call, argument.name, argument.value)
    )
    return protocol.CompleteResult(
        completion=protocol.Completion(
            values=names[:MOST_COMPLETIONS],
            total=len(names),
            has_more=len(names) > MOST_COMPLETIONS,
        )
    )
