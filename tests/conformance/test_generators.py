from __future__ import annotations

from conformance.generator import GeneratorConformance


class TestIdentity(GeneratorConformance):
    name = "identity"


class TestLetters(GeneratorConformance):
    name = "letters"


class TestPersona(GeneratorConformance):
    name = "persona"


class TestSpelling(GeneratorConformance):
    name = "spelling"


class TestArithmetic(GeneratorConformance):
    name = "arithmetic"


class TestCloze(GeneratorConformance):
    name = "cloze"
