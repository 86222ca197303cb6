"""Notices as well-known mail servers write them, in our own words and with made-up addresses."""

from typing import NamedTuple

from crm.bounces import Reason

ADA = "ada@shop.example"


class Sample(NamedTuple):
    """One notice: who writes it, its subject, its body, and what it says happened to Ada."""

    server: str
    sender: str
    subject: str
    body: str
    reason: Reason
    recipient: str = ADA


_ORIGINAL = """
Return-Path: <bounce@rapport.example>
Received: from rapport.example by mx.example; Thu, 1 Jan 2026 10:00:00 +0000
Message-ID: <m-17@rapport.example>
From: Rapport <hello@rapport.example>
To: Ada <ada@shop.example>
Subject: Spring

Spring is here.
"""
SAMPLES = (
    Sample(
        "qmail",
        "MAILER-DAEMON@mx.example",
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@shop.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "qmail, queue",
        "MAILER-DAEMON@mx.example",
        "failure notice",
        """Hi. This is the qmail-send program at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.

<ada@shop.example>:
Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)
I'm not going to try again; this message has been in the queue too long.

--- Below this line is a copy of the message.
""",
        Reason.NETWORK,
    ),
    Sample(
        "Exim",
        "Mail Delivery System <Mailer-Daemon@mx.example>",
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@shop.example
    SMTP error from remote mail server after RCPT TO:<ada@shop.example>:
    host mx.shop.example [192.0.2.1]: 552 5.2.2 <ada@shop.example>: over quota

------ This is a copy of the message, including all the headers. ------
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "Postfix of old",
        "MAILER-DAEMON@mx.example (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        """This is the mail system at host mx.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

For further assistance, please send mail to <postmaster@mx.example>

<ada@shop.example>: host mx.shop.example[192.0.2.1] said: 554 5.7.1 Service
    unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org
    (in reply to RCPT TO command)
""",
        Reason.BLOCKED,
    ),
    Sample(
        "Sendmail of old",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example>",
        "Returned mail: see transcript for details",
        """The original message was received at Thu, 1 Jan 2026 10:00:00 GMT
from localhost [127.0.0.1]

   ----- The following addresses had permanent fatal errors -----
<ada@shop.example>
    (reason: 550 5.1.1 <ada@shop.example>... User unknown)

   ----- Transcript of session follows -----
... while talking to mx.shop.example.:
>>> RCPT To:<ada@shop.example>
<<< 550 5.1.1 <ada@shop.example>... User unknown
550 5.1.1 <ada@shop.example>... User unknown

   ----- Original message follows -----
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Sendmail, warning",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example>",
        "Warning: could not send message for past 4 hours",
        """    **********************************************
    **      THIS IS A WARNING MESSAGE ONLY      **
    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **
    **********************************************

   ----- The following addresses had transient non-fatal errors -----
<ada@shop.example>

   ----- Transcript of session follows -----
<ada@shop.example>... Deferred: Connection timed out with mx.shop.example.
Warning: message still undelivered after 4 hours
Will keep trying until message is 5 days old
""",
        Reason.NETWORK,
    ),
    Sample(
        "Exchange 2003",
        "System Administrator <postmaster@shop.example>",
        "Undeliverable: Spring",
        """Your message

  To:      ada@shop.example
  Subject: Spring
  Sent:    Thu, 1 Jan 2026 10:00:00 +0000

did not reach the following recipient(s):

ada@shop.example on Thu, 1 Jan 2026 10:00:02 +0000
    The e-mail account does not exist at the organization this message
    was sent to.  Check the e-mail address, or contact the recipient
    directly to find out the correct address.
        <mx.shop.example #5.1.1>
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Exchange 2007",
        "Microsoft Exchange <MicrosoftExchange329e71@shop.example>",
        "Undeliverable: Spring",
        """Delivery has failed to these recipients or distribution lists:

ada@shop.example<mailto:ada@shop.example>
The recipient's mailbox is full and can't accept messages now.

Diagnostic information for administrators:

Generating server: mx.shop.example

ada@shop.example
#550 5.2.2 STOREDRV.Deliver; mailbox full ##
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "Office 365",
        "postmaster@shop.example",
        "Undeliverable: Spring",
        """Your message to ada@shop.example couldn't be delivered.

ada wasn't found at shop.example.

hello            Office 365            ada
Action Required                        Recipient
Unknown To address

Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ada@shop.example
not found by SMTP address lookup'
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Lotus Domino",
        "postmaster@shop.example",
        "DELIVERY FAILURE: User ada (ada@shop.example) not listed in Domino Directory",
        """Your message

  Subject: Spring

was not delivered to:

  ada@shop.example

because:

  User ada (ada@shop.example) not listed in Domino Directory
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Courier",
        '"Courier mail server at mx.example" <@>',
        "NOTICE: mail delivery status.",
        """This is a delivery status notification from mx.example,
running the Courier mail server, version 1.0.

                           UNDELIVERABLE MAIL

Your message to the following recipients cannot be delivered:

<ada@shop.example>:
    mx.shop.example [192.0.2.1]:
>>> RCPT TO:<ada@shop.example>
<<< 550 5.1.1 <ada@shop.example>... User Unknown
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "MDaemon",
        "MDaemon at mx.example <MDaemon@mx.example>",
        "Permanent Delivery Failure",
        """The attached message had PERMANENT fatal delivery errors!

After one or more unsuccessful delivery attempts the attached message has
been removed from the mail queue on this server.

Failed address: ada@shop.example

--- Session Transcript ---
 Thu 2026-01-01 10:00:00: <-- 220 mx.shop.example ESMTP
 Thu 2026-01-01 10:00:01: --> RCPT To:<ada@shop.example>
 Thu 2026-01-01 10:00:01: <-- 550 5.1.1 No such user here
--- End Transcript ---
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "CommuniGate",
        "<MAILER-DAEMON@mx.example>",
        "Undeliverable mail: Spring",
        """Failed to deliver to '<ada@shop.example>'
SMTP module(domain shop.example) reports:
 host mx.shop.example says:
 550 5.7.1 Message rejected as spam by Content Filtering.
""",
        Reason.SPAM,
    ),
    Sample(
        "Gmail of old",
        "Mail Delivery Subsystem <mailer-daemon@mail.example>",
        "Delivery Status Notification (Failure)",
        """Delivery to the following recipient failed permanently:

     ada@shop.example

Technical details of permanent failure:
The server tried to deliver your message, but it was rejected by the recipient domain.
The error that the other server returned was: 550 550 5.1.1 <ada@shop.example>... User Unknown
(state 14).

----- Original message -----
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "GMX",
        '"Mail Delivery System" <mailer-daemon@mail.example>',
        "Mail delivery failed: returning message to sender",
        """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of
its recipients. This is a permanent error. The following address
failed:

"ada@shop.example":
SMTP error from remote server after RCPT command:
host: mx.shop.example
5.1.1 <ada@shop.example>... User Unknown


--- The header of the original message is following. ---
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Yahoo",
        "MAILER-DAEMON@mail.example",
        "Failure Notice",
        """Sorry, we were unable to deliver your message to the following address.

<ada@shop.example>:
Remote host said:
554 delivery error: dd This user doesn't have a shop.example account (ada@shop.example) [0]

--- Below this line is a copy of the message.
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "James",
        "postmaster@mx.example",
        "[BOUNCE]",
        """Hi. This is the James mail server at mx.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

Error message below:
550 - Requested action not taken: no such user here

Message details:
  Subject: Spring
  Sent date: Thu Jan 01 10:00:00 GMT 2026
  MAIL FROM: hello@rapport.example
  RCPT TO: ada@shop.example
  From: Rapport <hello@rapport.example>
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "gateway with number of errors",
        "Mail Delivery Subsystem <postmaster@mx.example>",
        "There was an error sending your mail",
        """We had trouble delivering your message. Full details follow:

Subject: 'Spring'
Date: 'Thu, 1 Jan 2026 10:00:00 +0000'

1 error(s):

SMTP Server <mx.shop.example> rejected recipient <ada@shop.example>
  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "GroupWise",
        "Mailer-Daemon@mx.example",
        "Message status - undeliverable",
        """The message that you sent was undeliverable to the following:
\tada@shop.example (user not found)

Possibly truncated original message follows:
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "Netscape",
        "Mail Administrator <Postmaster@mx.example>",
        "Mail System Error - Returned Mail",
        """This Message was undeliverable due to the following reason:

One or more of the recipients of your message did not receive it
because they would have exceeded their mailbox size limit.  It
may be possible for you to successfully send your message again
at a later time; however, if it is large, it is recommended that
you first contact the recipients to confirm that the space will be
available for your message when you send it.

The following recipients did not receive your message:

     <ada@shop.example>

Please reply to Postmaster@mx.example
if you feel this message to be in error.
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "IMail",
        "Postmaster <postmaster@mx.example>",
        "Undeliverable Mail",
        """Unknown user: ada@shop.example

Original message follows.
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "InterScan",
        "Mail Delivery System <MAILER-DAEMON@mx.example>",
        "Mail could not be delivered",
        """****** Message from InterScan Messaging Security Suite ******

Sent <<< RCPT TO:<ada@shop.example>
Received >>> 550 5.1.1 <ada@shop.example>... user unknown

Unable to deliver message to <ada@shop.example>.

************************     End of message     **********************
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "McAfee",
        "<postmaster@mx.example>",
        "Undeliverable mail",
        """Your message could not be delivered to several destinations.
Returned mail is given below.

--- The following addresses had delivery problems ---

<ada@shop.example>   (User unknown ada@shop.example)

--------------Returned Mail:
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "MailFoundry",
        "<MAILER-DAEMON@mx.example>",
        "Message delivery has failed",
        """Unable to deliver message to: <ada@shop.example>
Delivery failed for the following reason:
Server mx.shop.example[192.0.2.1] failed with: 550 <ada@shop.example> No such user here

This has been a permanent failure. No further delivery attempts will be made.
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "SurfControl",
        "Postmaster <postmaster@mx.example>",
        "Message Undeliverable",
        """Your message could not be sent.
A transcript of the attempts to send the message follows.
The number of attempts made: 1
Addressed To: ada@shop.example

Thu 1 Jan 2026 10:00:00 +0000
Failed to send to identified host,
ada@shop.example: [192.0.2.1], 550 ada@shop.example... No such user
--- Message non-deliverable.
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "a carrier in Japan",
        "Postmaster@mobile.example",
        "Mail System Error - Returned Mail",
        """Your mail sent on: Thu, 1 Jan 2026 10:00:00 +0900
     Could not be delivered to: <ada@shop.example>
     As their mailbox is full.
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "a portal in China",
        "postmaster@mail.example",
        "系统退信",
        """抱歉,您的邮件被退回来了……
无法发送到 ada@shop.example
收件人: ada@shop.example
退信原因: 收件人邮件地址不存在,邮件无法送达。
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "a provider in Russia",
        "Mail Delivery System <mailer-daemon@mail.example>",
        "Недоставленное сообщение",
        """Это письмо создано автоматически сервером. К сожалению, Ваше письмо
не может быть доставлено одному или нескольким получателям:

ada@shop.example
  Пользователь не найден
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "a provider in Germany",
        "Mailer-Daemon@mail.example",
        "Unzustellbare Nachricht",
        """Ihre Nachricht konnte nicht zugestellt werden an:

<ada@shop.example>: Das Postfach des Empfängers ist voll.
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "a provider in France",
        "Postmaster@mail.example",
        "Échec de la remise",
        """Votre message n'a pas pu être remis au destinataire suivant :

ada@shop.example
550 5.1.1 Adresse inconnue
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "X.400 gateway",
        "Postmaster@mx.example",
        "Undeliverable: Spring",
        """Your message did not reach the following recipient(s):

c=FR;a=ATLAS;p=SHOP;dda:RFC-822=ada(a)shop.example;
    The recipient name is not recognized, user unknown
""",
        Reason.USER_UNKNOWN,
    ),
    Sample(
        "aliases",
        "Mail Delivery System <Mailer-Daemon@mx.example>",
        "Mail delivery failed: returning message to sender",
        """A message that you sent could not be delivered to one or more of its
recipients. The following address(es) failed:

  an undisclosed address
    (generated from ada@shop.example)
    mailbox is full: retry timeout exceeded
""",
        Reason.MAILBOX_FULL,
    ),
    Sample(
        "a server that names nobody",
        "Mail Delivery System <MAILER-DAEMON@mx.example>",
        "Undeliverable mail",
        """Your message could not be delivered: no such user.

----- Original message follows -----
""",
        Reason.USER_UNKNOWN,
    ),
)


def mail_of(sample: Sample) -> bytes:
    """The notice as it comes over the wire, with the original pasted below it."""
    head = (
        f"From: {sample.sender}\nTo: bounce@rapport.example\nSubject: {sample.subject}\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        "Content-Transfer-Encoding: 8bit\n\n"
    )
    return (head + sample.body + _ORIGINAL).encode()
