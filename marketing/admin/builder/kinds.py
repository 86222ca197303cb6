"""How each kind of condition is edited: name → what draws it up, all in this one place.

The name is the one that the rules register the kind under. An app above that adds a kind adds its
form in `AppConfig.ready()` too; a kind without a form is edited as JSON.
"""

from crm.extensions import Registry

forms = Registry("Builder form")
forms.register("field", "marketing.admin.builder.person.fields")
forms.register("attribute", "marketing.admin.builder.person.attributes")
forms.register("identity", "marketing.admin.builder.person.identities")
forms.register("share", "marketing.admin.builder.person.share")
forms.register("consent", "marketing.admin.builder.permission.consent")
forms.register("reach", "marketing.admin.builder.permission.reach")
forms.register("suppressed", "marketing.admin.builder.permission.suppressed")
forms.register("event", "marketing.admin.builder.behaviour.did")
forms.register("orders", "marketing.admin.builder.commerce.figures")
forms.register("bought", "marketing.admin.builder.commerce.bought")
forms.register("score", "marketing.admin.builder.understanding.scores")
forms.register("cluster", "marketing.admin.builder.understanding.clusters")
forms.register("segment", "marketing.admin.builder.understanding.segments")
forms.register("message", "marketing.admin.builder.correspondence.messages")
forms.register("insight", "marketing.admin.builder.correspondence.insights")
forms.register("company", "marketing.admin.builder.belonging.companies")
forms.register("event_figure", "marketing.admin.builder.behaviour.figures")
forms.register("sequence", "marketing.admin.builder.behaviour.sequence")
