"""The estimators: name → dotted path, all in this one place."""

from crm.extensions import Registry

estimators = Registry("Estimator")
estimators.register("recency", "marketing.estimators.recency.RecencyRate")
estimators.register("logistic", "marketing.estimators.logistic.LogLogistic")
estimators.register("boosting", "marketing.estimators.boosting.CalibratedBoosting")
estimators.register("clusters", "marketing.estimators.clusters.LogKMeans")
