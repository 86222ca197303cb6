"""What customers ask, what the bot answers to it, and what staff say often."""

from dataclasses import dataclass

from campaigns.models import Answer, CannedReply
from marketing.models import Intent

EN, ZH = "en", "zh-hans"


@dataclass(frozen=True)
class Topic:
    """An intent with example phrases; without answers the bot hands over to staff."""

    code: str
    name: str
    phrases: tuple[str, ...]
    english: str = ""
    chinese: str = ""


TOPICS = (
    Topic(
        "delivery-time",
        "Delivery time · 送货时间",
        (
            "How long does delivery take?",
            "How long does shipping take?",
            "When will my parcel arrive?",
            "How many days until it is delivered?",
            "What are your delivery times?",
            "送货需要多久？",
            "多久能到？",
            "快递几天能到？",
            "什么时候发货？",
        ),
        "We ship on the next working day. Inside Europe a parcel takes two to four working days, "
        "everywhere else seven to twelve.",
        "我们在下一个工作日发货。欧洲境内两到四个工作日送达，其他地区七到十二个工作日。",
    ),
    Topic(
        "returns",
        "Returns · 退货",
        (
            "How can I return something?",
            "I want to send it back",
            "What is your return policy?",
            "Can I return my order?",
            "How do I get a refund for a return?",
            "怎么退货？",
            "我想退货",
            "可以退换货吗？",
            "退货政策是什么？",
        ),
        "You can return anything within 30 days. Put it back in its box and use the label that "
        "came with it; the money is back with you within a week.",
        "收到商品后 30 天内可以退货。请装回原包装并使用随附的标签，退款会在一周内到账。",
    ),
    Topic(
        "opening-hours",
        "Opening hours · 营业时间",
        (
            "When are you open?",
            "What are your opening hours?",
            "Are you open on Sunday?",
            "Is the shop open today?",
            "你们几点开门？",
            "营业时间是什么时候？",
            "周末营业吗？",
        ),
        "Our shop is open Monday to Saturday from 10 to 18 o'clock (Berlin time). Online we are "
        "always open.",
        "店铺营业时间为周一至周六 10 点到 18 点（柏林时间），网上商店全天开放。",
    ),
    Topic(
        "payment",
        "Payment · 付款方式",
        (
            "How can I pay?",
            "Which payment methods do you accept?",
            "Can I pay by credit card?",
            "Do you take PayPal?",
            "怎么付款？",
            "支持哪些付款方式？",
            "可以用支付宝吗？",
        ),
        "You can pay by card, bank transfer or on invoice.",
        "您可以使用银行卡、银行转账或账单付款。",
    ),
    Topic(
        "unsubscribe",
        "Leaving the list · 退订",
        (
            "How do I unsubscribe?",
            "I do not want your newsletter any more",
            "Take me off your list",
            "Please stop sending me e-mails",
            "怎么退订？",
            "我不想再收到邮件",
            "请不要再给我发短信",
        ),
        "Every newsletter has a link “Unsubscribe” at its end: one click is enough. To a text "
        "message just answer STOP.",
        "每封资讯邮件的末尾都有“退订”链接，点击一次即可。短信请回复 TD 退订。",
    ),
    Topic(
        "order-status",
        "Where is my order · 订单查询",
        (
            "Where is my order?",
            "Where is my package?",
            "My parcel has not arrived",
            "I am still waiting for my order",
            "Can you check the status of my order?",
            "我的订单到哪里了？",
            "我的包裹还没到",
            "帮我查一下订单",
        ),
    ),
    Topic(
        "complaint",
        "Something is broken · 投诉",
        (
            "It arrived broken",
            "My teapot is damaged",
            "I want to complain",
            "There is something wrong with what I got",
            "东西坏了",
            "我要投诉",
            "收到的商品有破损",
        ),
    ),
    Topic(
        "human",
        "Talk to a person · 人工客服",
        (
            "I want to talk to a person",
            "Can somebody call me?",
            "Let me speak to a human",
            "转人工",
            "我要人工客服",
        ),
    ),
)

CANNED = {
    "thanks": "Thank you for writing to us. We look into it and answer within a day.",
    "tracking": "Your parcel is on its way; the carrier expects it in the next two days.",
    "sorry": "We are sorry that this went wrong. We send you a new one today, at no cost.",
    "refund": "Your money is on its way back to you; banks take up to five working days.",
    "label": "A return label is on its way to you by e-mail.",
    "xiexie": "感谢您的来信，我们会尽快为您处理，并在一天之内回复。",
    "baoqian": "非常抱歉给您带来不便，我们今天就为您免费补发。",
}


def teach() -> int:
    """Write the intents with their answers and the canned replies; gives how many intents."""
    for topic in TOPICS:
        intent, _new = Intent.objects.get_or_create(
            code=topic.code,
            defaults={"name": topic.name, "phrases": "\n".join(topic.phrases)},
        )
        for language, text in ((EN, topic.english), (ZH, topic.chinese)):
            if text:
                Answer.objects.get_or_create(
                    intent=intent, language=language, defaults={"text": text}
                )
    for shortcut, text in CANNED.items():
        CannedReply.objects.get_or_create(shortcut=shortcut, defaults={"text": text})
    return len(TOPICS)
