"""The echo workflow: a component that NeMo Agent Toolkit finds through the entry point in pyproject.toml."""

import logging
from collections.abc import AsyncGenerator

from nat.builder.builder import Builder
from nat.builder.function_info import FunctionInfo
from nat.cli.register_workflow import register_function
from nat.data_models.function import FunctionBaseConfig
from pydantic import Field

logger = logging.getLogger(__name__)


class EchoConfig(FunctionBaseConfig, name="echo"):
    """Settings of the echo workflow, as they stand in the YAML file."""

    prefix: str = Field(default="", description="Text put before every answer.")


@register_function(config_type=EchoConfig)
async def echo(config: EchoConfig, builder: Builder) -> AsyncGenerator[FunctionInfo, None]:
    """Answer with the message itself."""

    async def answer(message: str) -> str:
        logger.info("echo: %s", message)
        return f"{config.prefix}{message}"

    yield FunctionInfo.from_fn(answer, description="Answers with the message itself.")
