"""Signed links: opaque, bound to a purpose, beyond forging."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm import links

KEY, OLD_KEY = b"k" * 32, b"o" * 32


@given(value=st.integers(0, 2**63 - 1), purpose=st.sampled_from(sorted(links.PURPOSES)))
def test_a_token_gives_back_what_was_signed(value, purpose):
    token = links.sign(purpose=purpose, value=value, key=KEY)

    assert links.unsign(purpose=purpose, token=token, keys=[KEY]) == value


@pytest.mark.parametrize("made_for", sorted(links.PURPOSES))
@pytest.mark.parametrize("used_for", sorted(links.PURPOSES))
def test_a_token_for_one_purpose_never_opens_another(made_for, used_for):
    token = links.sign(purpose=made_for, value=7, key=KEY)

    if made_for == used_for:
        assert links.unsign(purpose=used_for, token=token, keys=[KEY]) == 7
    else:
        with pytest.raises(links.BadToken):
            links.unsign(purpose=used_for, token=token, keys=[KEY])


def test_a_link_survives_a_change_of_keys_until_the_old_key_is_dropped():
    token = links.sign(purpose=links.CLICK, value=7, key=OLD_KEY)

    assert links.unsign(purpose=links.CLICK, token=token, keys=[KEY, OLD_KEY]) == 7
    with pytest.raises(links.BadToken):
        links.unsign(purpose=links.CLICK, token=token, keys=[KEY])


@pytest.mark.parametrize(
    ("purpose", "token"),
    [
        # BLAKE2b.
        (links.CLICK, "nvqmNdCMBTAd2ng9r8LqiL-_nU5jLvwR"),
        (links.UNSUBSCRIBE, "yMFWpVQE4vr3ukkrznCutLMmZrwhWvK6"),
        # HMAC-SHA256.
        (links.CLICK, "sr4hXG1eAYpGJo_pJ77ZtPRptY4xkmof"),
        (links.UNSUBSCRIBE, "FUXPCj6hg7JdSC4fwSPEAYQqtsdBEoD1"),
        (links.CONFIRM, "QdrTZCO8-rA1Eemm-a-CApYhkK300aVD"),
    ],
)
def test_links_of_mails_sent_long_ago_still_work(purpose, token):
    assert links.unsign(purpose=purpose, token=token, keys=[OLD_KEY, KEY]) == 7
    with pytest.raises(links.BadToken):
        links.unsign(purpose=links.OPEN, token=token, keys=[KEY])


@given(place=st.integers(0, 31), letter=st.sampled_from("AZaz09-_"))
def test_no_changed_letter_goes_unnoticed(place, letter):
    token = links.sign(purpose=links.OPEN, value=7, key=KEY)
    changed = token[:place] + letter + token[place + 1 :]

    if changed != token:
        with pytest.raises(links.BadToken):
            links.unsign(purpose=links.OPEN, token=changed, keys=[KEY])


@given(token=st.text(max_size=40))
def test_whatever_a_stranger_types_is_a_bad_token(token):
    with pytest.raises(links.BadToken):
        links.unsign(purpose=links.OPEN, token=token, keys=[KEY])


def test_a_token_does_not_show_how_many_messages_there_are():
    tokens = [links.sign(purpose=links.OPEN, value=value, key=KEY) for value in (1, 2, 3)]

    assert len({token[-8:] for token in tokens}) == 3
    assert all(len(token) == 32 for token in tokens)


def test_a_message_carries_one_address_for_each_purpose():
    urls = links.urls_for_many(message_ids=[7], base_url="https://shop.example/", key=KEY)

    (way_out,), (click,) = urls.unsubscribe_urls, urls.click_urls
    token = way_out.removeprefix("https://shop.example/u/")
    assert links.unsign(purpose=links.UNSUBSCRIBE, token=token, keys=[KEY]) == 7
    assert click.startswith("https://shop.example/c/")
    assert click.endswith("/")


@given(st.lists(st.integers(0, 2**63 - 1), max_size=5))
def test_addresses_made_for_many_carry_the_token_that_one_would_get(ids):
    made = links.urls_for_many(message_ids=ids, base_url="https://shop.example", key=KEY)

    tokens = [links.sign(purpose=links.VIEW, value=value, key=KEY) for value in ids]
    assert made.view_urls == [f"https://shop.example/v/{t}" for t in tokens]
    clicks = [links.sign(purpose=links.CLICK, value=value, key=KEY) for value in ids]
    assert made.click_urls == [f"https://shop.example/c/{t}/" for t in clicks]


def test_addresses_that_are_not_wanted_stay_empty():
    urls = links.urls_for_many(
        message_ids=[7], base_url="https://shop.example", key=KEY, purposes={links.OPEN}
    )

    assert (urls.unsubscribe_urls, urls.click_urls) == ([""], [""])
    assert all(urls.pixel_urls)


def test_an_unknown_purpose_is_a_mistake_of_ours():
    with pytest.raises(ValueError, match="Unknown link purpose"):
        links.sign(purpose="admin", value=1, key=KEY)
