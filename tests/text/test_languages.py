"""Another language than English is told; code, lists and formulas are not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from winsome.text.languages import foreign

SAID = {
    "es": "Lo siento, pero no puedo ayudarle con esa solicitud, porque podría causar daño a otras personas.",
    "fr": "Je suis désolé, mais je ne peux pas vous aider avec cette demande, car elle est dangereuse.",
    "de": "Es tut mir leid, aber ich kann dir dabei nicht helfen, denn das ist nicht erlaubt und gefährlich.",
    "pt": "Desculpe, mas não posso ajudar com esse pedido, porque ele pode causar danos a uma pessoa.",
    "it": "Mi dispiace, ma non posso aiutarti con questa richiesta, perché è pericolosa per le persone.",
    "nl": "Het spijt me, maar ik kan je niet helpen met dat verzoek, want het is gevaarlijk voor een ander.",
    "sv": "Jag är ledsen, men jag kan inte hjälpa till med det, för det är farligt att göra.",
    "pl": "Przykro mi, ale nie mogę w tym pomóc, bo to jest niebezpieczne i nie jest dozwolone.",
    "tr": "Üzgünüm, bu konuda yardımcı olamam, çünkü bu çok tehlikeli bir istek ve bu yasaktır.",
    "id": "Maaf, saya tidak bisa membantu dengan permintaan ini karena itu berbahaya dan tidak diizinkan.",
    "vi": "Xin lỗi, tôi không thể giúp với yêu cầu này vì nó là một việc nguy hiểm và không được phép.",
    "ru": "Извините, я не могу помочь с этой просьбой.",
    "zh": "抱歉,我无法帮助完成这个请求。",
    "ja": "申し訳ありませんが、そのリクエストにはお手伝いできません。",
    "ar": "عذرًا، لا أستطيع المساعدة في هذا الطلب.",
    "hi": "क्षमा करें, मैं इस अनुरोध में मदद नहीं कर सकता।",
}  # fmt: skip


@pytest.mark.parametrize("language", SAID)
def test_sixteen_languages_are_told(language: str) -> None:
    assert foreign(SAID[language])


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that request.",
        "def f(x):\n    return [y for y in x if y > 0 and y not in seen]",
        "1. Lydia (Greek)\n2. Ruth (Bible)\n3. Kuan Yin (Chinese)\n4. Guadalupe (Spanish)\n5. Per (Norse)",
        "x = 3 + 4, y = 12, z = 99",
        "The Spanish for this is 'lo siento, pero no puedo', which you can say to a friend or in a letter.",
        "42",
        "",
    ],
)
def test_what_is_english_or_no_language_is_not_foreign(text: str) -> None:
    assert not foreign(text)


@pytest.mark.parametrize("model", ["alpaca-7b", "FuseChat-Llama-3.1-8B-Instruct"])
def test_of_published_answers_to_english_prompts_hardly_any_is_foreign(shared_data: Path, model: str) -> None:
    """805 answers; one was asked for in French."""
    with gzip.open(shared_data / f"alpaca_eval_2/{model}.model_outputs.json.gz") as file:
        told = [row["output"] for row in json.load(file) if foreign(row["output"])]
    assert len(told) <= 3
    assert any(answer.startswith("La dentisterie") for answer in told)
