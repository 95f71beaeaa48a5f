"""A workflow that NeMo Agent Toolkit finds through the entry point in pyproject.toml."""

import json
from collections.abc import AsyncGenerator

from nat.builder.builder import Builder
from nat.builder.function import FunctionGroup
from nat.builder.function_info import FunctionInfo
from nat.cli.register_workflow import register_function
from nat.data_models.component_ref import FunctionGroupRef
from nat.data_models.function import FunctionBaseConfig
from pydantic import Field


class AskToolConfig(FunctionBaseConfig, name="ask_tool"):
    """Settings of the workflow, as they stand in the YAML file."""

    tools: FunctionGroupRef = Field(description="The group of functions that holds the MCP server's tools.")
    tool: str = Field(description="Name of the tool.")


@register_function(config_type=AskToolConfig)
async def ask_tool(config: AskToolConfig, builder: Builder) -> AsyncGenerator[FunctionInfo, None]:
    """Call one tool with what the message says."""
    group = await builder.get_function_group(config.tools)
    functions = await group.get_all_functions()
    names = {name.split(FunctionGroup.SEPARATOR)[-1]: function for name, function in functions.items()}
    if config.tool not in names:
        raise ValueError(f"the MCP server has no tool {config.tool!r}; it has {', '.join(sorted(names))}")

    async def answer(message: str) -> str:
        """Call the tool; the message is its arguments as a JSON object, or its argument `text`."""
        arguments = json.loads(message) if message.lstrip().startswith("{") else {"text": message}
        return str(await names[config.tool].acall_invoke(**arguments))

    yield FunctionInfo.from_fn(answer, description=f"Calls the tool {config.tool} of an MCP server.")
