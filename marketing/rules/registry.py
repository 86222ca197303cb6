"""The kinds of segment condition: name → dotted path, all in this one place.

The name is the key under which a condition keeps its subject: `{"field": "country", …}`.
An app above adds its own in `AppConfig.ready()` with `conditions.register(name, path)`.
"""

from crm.extensions import Registry

conditions = Registry("Segment condition")
conditions.register("field", "marketing.rules.conditions.person.Field")
conditions.register("attribute", "marketing.rules.conditions.person.Attribute")
conditions.register("identity", "marketing.rules.conditions.person.HasIdentity")
conditions.register("share", "marketing.rules.conditions.person.Share")
conditions.register("consent", "marketing.rules.conditions.permission.HasConsent")
conditions.register("reach", "marketing.rules.conditions.permission.Reachable")
conditions.register("suppressed", "marketing.rules.conditions.permission.IsSuppressed")
conditions.register("event", "marketing.rules.conditions.behaviour.Did")
conditions.register("orders", "marketing.rules.conditions.commerce.OrderFigure")
conditions.register("bought", "marketing.rules.conditions.commerce.Bought")
conditions.register("score", "marketing.rules.conditions.understanding.HasScore")
conditions.register("cluster", "marketing.rules.conditions.understanding.InCluster")
conditions.register("segment", "marketing.rules.conditions.understanding.InSegment")
conditions.register("message", "marketing.rules.conditions.correspondence.HadMessage")
conditions.register("insight", "marketing.rules.conditions.correspondence.HadIntent")
conditions.register("company", "marketing.rules.conditions.belonging.InCompany")
conditions.register("event_figure", "marketing.rules.conditions.patterns.EventFigure")
conditions.register("sequence", "marketing.rules.conditions.patterns.DidThen")
