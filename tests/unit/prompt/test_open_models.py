from __future__ import annotations

from lianlu.core import aio
from lianlu.llm import FakeBackend
from lianlu.prompt.open_models import OpenModels


class _Closing(FakeBackend):
    closed = 0

    async def close(self) -> None:
        self.closed += 1


def test_a_model_is_opened_once_and_closed_at_the_end_alone() -> None:
    made: list[_Closing] = []

    def opened(ref: str) -> _Closing:
        made.append(_Closing(ref=ref))
        return made[-1]

    models = OpenModels(opened)

    async def use() -> None:
        for _ in range(3):
            await models("a").close()
        await models("b").close()
        assert [each.closed for each in made] == [0, 0]
        await models.close()

    aio.run(use)
    assert [each.closed for each in made] == [1, 1]
