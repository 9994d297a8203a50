"""The vendors' own Python libraries against their imitations: unchanged but for base URL and key, given as one JSON object."""

import json
import math
import sys
from datetime import date

import openai
from pydantic import BaseModel
from tavily import TavilyClient
from tavily.errors import BadRequestError, ForbiddenError, InvalidAPIKeyError, UsageLimitExceededError
from zerobouncesdk import ZBApiException, ZBValidateBatchElement, ZBValidateStatus, ZBValidateSubStatus, ZeroBounce

at = json.loads(sys.argv[1])


def refusal(kind, call):
    """The error of that kind that a call ends with."""
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def tavily():
    client = TavilyClient(api_key=at["tavily"]["key"], api_base_url=at["tavily"]["url"])
    found = client.search(f"{at['company']} official site", max_results=5, include_usage=True)
    assert any(at["domain"] in one["url"] for one in found["results"]), found
    assert found["usage"]["credits"] == 1 and 0 < found["results"][0]["score"] <= 1
    read = client.extract([f"https://{at['domain']}/", "https://nobody.example/"], include_usage=True)
    assert len(read["results"]) == 1 and read["failed_results"][0]["url"] == "https://nobody.example/", read
    crawled = client.crawl(f"https://{at['domain']}", limit=3)
    assert crawled["base_url"].endswith(at["domain"]) and crawled["results"][0]["raw_content"]
    assert client.map(f"https://{at['domain']}")["results"]
    assert "Max 20 URLs" in str(refusal(BadRequestError, lambda: client.extract(["https://a.example/"] * 21)))
    refusal(ForbiddenError, lambda: client.crawl("http://localhost/"))
    stranger = TavilyClient(api_key="tvly-wrong", api_base_url=at["tavily"]["url"])
    assert "invalid API key" in str(refusal(InvalidAPIKeyError, lambda: stranger.search("x")))
    # The sandbox was told to be busy at the next map.
    at["fault"]("tavily/map:rate_limit=1:1")
    refusal(UsageLimitExceededError, lambda: client.map(f"https://{at['domain']}"))


def zerobounce():
    client = ZeroBounce(at["zerobounce"]["key"], at["zerobounce"]["url"])
    before = int(client.get_credits().credits)
    one = client.validate("free_email@example.com", "99.110.204.1")
    assert one.status is ZBValidateStatus.valid and one.free_email is True and one.zipcode == "33401", one
    assert one.processed_at.year >= 2026
    typo = client.validate("possible_typo@example.com")
    assert typo.sub_status is ZBValidateSubStatus.possible_typo
    batch = client.validate_batch([ZBValidateBatchElement("toxic@example.com"), ZBValidateBatchElement("jane.doe@firm.example")])
    assert batch.email_batch[0].status is ZBValidateStatus.do_not_mail and not batch.errors
    assert before - int(client.get_credits().credits) == (batch.email_batch[1].status is not ZBValidateStatus.unknown)
    usage = client.get_api_usage(date(2026, 11, 1), date(2026, 11, 30))
    assert usage.total == 4 and usage.end_date == date(2026, 11, 30), usage
    stranger = ZeroBounce("wrong", at["zerobounce"]["url"])
    assert stranger.get_credits().credits == "-1"
    assert "ran out of credits" in str(refusal(ZBApiException, lambda: stranger.validate("a@b.example")))
    refused = stranger.validate_batch([ZBValidateBatchElement("a@b.example")])
    assert refused.email_batch == [] and refused.errors[0].email_address == "all"


class Facts(BaseModel):
    company_name: str | None
    emails: list[str]


def openai_library():
    client = openai.OpenAI(api_key=at["openai"]["key"], base_url=at["openai"]["url"], max_retries=0)
    assert "gpt-4o-mini" in [model.id for model in client.models.list()]
    page = [{"role": "system", "content": "Read."}, {"role": "user", "content": "# Kelmora\n\nEmail: sales@kelmora.example\n"}]
    read = client.chat.completions.parse(model="gpt-4o-mini", messages=page, response_format=Facts)
    assert read.choices[0].message.parsed == Facts(company_name="Kelmora", emails=["sales@kelmora.example"]), read
    assert read.usage.total_tokens == read.usage.prompt_tokens + read.usage.completion_tokens
    answer = client.responses.create(model="gpt-4.1-mini", input="score: 0.9", max_output_tokens=200)
    assert answer.output_text == "This lead stands out: score 0.9.", answer
    assert client.responses.parse(model="gpt-4.1-mini", input=page, text_format=Facts).output_parsed.company_name == "Kelmora"
    vectors = client.embeddings.create(model="text-embedding-3-small", input=["ships", "boats"])
    assert [len(one.embedding) for one in vectors.data] == [1536, 1536]
    assert math.isclose(math.hypot(*vectors.data[0].embedding), 1, rel_tol=1e-4)
    refusal(openai.NotFoundError, lambda: client.chat.completions.create(model="gpt-9", messages=page))
    refusal(openai.BadRequestError, lambda: client.embeddings.create(model="text-embedding-3-small", input=""))
    refusal(openai.AuthenticationError, lambda: client.with_options(api_key="sk-wrong").models.list())
    at["fault"]("openai/chat:quota:1")
    told = refusal(openai.RateLimitError, lambda: client.chat.completions.create(model="gpt-4o-mini", messages=page))
    assert told.code == "insufficient_quota"
    at["fault"]("openai/chat:length:1")
    refusal(openai.LengthFinishReasonError, lambda: client.chat.completions.parse(model="gpt-4o-mini", messages=page, response_format=Facts))
    at["fault"]("openai/chat:refusal:1")
    refused = client.chat.completions.parse(model="gpt-4o-mini", messages=page, response_format=Facts).choices[0].message
    assert refused.refusal and refused.parsed is None
    # Left to itself the library waits as long as it is told and tries again.
    at["fault"]("openai/chat:rate_limit=1:1")
    patient = client.with_options(max_retries=2).chat.completions.create(model="gpt-4o-mini", messages=page)
    assert patient.choices[0].finish_reason == "stop"


def fault(text):
    """Tells the sandbox what shall go wrong next, as `presdr sandbox --fault` would."""
    import requests

    place, kind, times = text.split(":")
    vendor, operation = place.split("/")
    body = {"vendor": vendor, "operation": operation, "kind": kind, "times": int(times)}
    requests.post(f"{at['admin']}/faults", json=body, timeout=10).raise_for_status()


at["fault"] = fault
tavily()
zerobounce()
openai_library()
print("all three libraries work")
