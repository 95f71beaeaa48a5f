"""A function that NeMo Agent Toolkit finds through the entry point in pyproject.toml."""

import json
from collections import Counter
from collections.abc import AsyncGenerator

from nat.builder.builder import Builder
from nat.builder.function_info import FunctionInfo
from nat.cli.register_workflow import register_function
from nat.data_models.function import FunctionBaseConfig
from pydantic import Field


class CountWordsConfig(FunctionBaseConfig, name="count_words"):
    """Settings of the function, as they stand in the YAML file."""

    ignore_case: bool = Field(default=True, description="Count 'The' and 'the' as one word.")
    description: str = Field(default="Count how often each word occurs in a text.", description="Told to agents.")


@register_function(config_type=CountWordsConfig)
async def count_words(config: CountWordsConfig, builder: Builder) -> AsyncGenerator[FunctionInfo, None]:
    """Count words."""

    async def counts(text: str) -> str:
        words = (text.lower() if config.ignore_case else text).split()
        return json.dumps(Counter(words))

    yield FunctionInfo.from_fn(counts, description=config.description)
