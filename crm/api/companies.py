"""Companies and their members."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from crm import companies, customers
from crm.api import fields
from crm.api.base import Endpoint, Listed, Plain, Shown, page_of
from crm.api.customers import PersonSerializer, people
from crm.api.events import RecordedSerializer
from crm.models import Company, CompanyMember, CompanyStatistics


class NewCompanySerializer(serializers.Serializer[Any]):
    """A company as the shop reports it; what is left out changes nothing."""

    key = fields.Text(max_length=200, help_text="The shop's own id for it")
    name = fields.Optional(max_length=255)
    domain = fields.Optional(max_length=255)
    industry = fields.Optional(max_length=150)
    country = fields.Optional(max_length=2)
    employees = fields.Whole(required=False, allow_null=True, min_value=0, max_value=10_000_000)
    attributes = fields.PlainJSONField(required=False)


class CompaniesSerializer(serializers.Serializer[Any]):
    """A batch of companies."""

    companies = fields.Batch(child=NewCompanySerializer())


class NewMemberSerializer(serializers.Serializer[Any]):
    """Somebody who belongs to the company."""

    customer = PersonSerializer()
    role = fields.Optional(max_length=100)


class MembersSerializer(serializers.Serializer[Any]):
    """A batch of members."""

    members = fields.Batch(child=NewMemberSerializer())


class CompanyStatisticsSerializer(Plain):
    """What a company's members come to."""

    class Meta:
        model = CompanyStatistics
        fields = ("members", "orders", "revenue", "last_order_at", "last_seen_at")


class CompanySerializer(Plain):
    """A company with what its members come to."""

    attributes = fields.PlainJSONField(read_only=True)
    statistics = CompanyStatisticsSerializer(read_only=True, allow_null=True, default=None)

    class Meta:
        model = Company
        fields = (
            "id",
            "key",
            "name",
            "domain",
            "industry",
            "country",
            "employees",
            "attributes",
            "created_at",
            "statistics",
        )


class MemberSerializer(Plain):
    """A member of a company."""

    customer_id = serializers.IntegerField(read_only=True)

    class Meta:
        model = CompanyMember
        fields = ("id", "customer_id", "role", "created_at")


class CompaniesAsked(Listed):
    """Which companies are wanted."""

    key = fields.Text(required=False, max_length=200, help_text="The company of this key")
    domain = fields.Text(required=False, max_length=255, help_text="Companies of this domain")


_TEA = {"key": "K-1", "name": "Tea & Sons", "domain": "tea.example", "employees": 12}


class Companies(Endpoint):
    """Companies."""

    model = Company

    @extend_schema(
        request=CompaniesSerializer,
        responses={200: RecordedSerializer},
        examples=[OpenApiExample("A company", {"companies": [_TEA]}, request_only=True)],
    )
    def post(self, request: Request) -> Response:
        """Add or renew a batch of companies."""
        told = self.body(CompaniesSerializer)["companies"]
        new = [companies.NewCompany(**one) for one in told]
        recorded = companies.record_many(companies=new, now=timezone.now())
        return Response({"recorded": len(recorded)})

    @extend_schema(
        parameters=[CompaniesAsked], responses={200: page_of(CompanySerializer, "Company")}
    )
    def get(self, request: Request) -> Response:
        """List companies, the last recorded first."""
        asked = self.asked(CompaniesAsked)
        wanted = {name: asked[name] for name in ("key", "domain") if name in asked}
        found = Company.objects.select_related("statistics").filter(**wanted)
        return self.listed(CompanySerializer, found, asked)


class CompanyDetail(Endpoint):
    """One company."""

    model = Company

    @extend_schema(parameters=[Shown], responses={200: CompanySerializer})
    def get(self, request: Request, company_id: int) -> Response:
        """Show a company."""
        known = Company.objects.select_related("statistics")
        return self.show(CompanySerializer, get_object_or_404(known, pk=company_id))


class Members(Endpoint):
    """The members of a company."""

    model = CompanyMember

    @extend_schema(request=MembersSerializer, responses={200: RecordedSerializer})
    def post(self, request: Request, company_id: int) -> Response:
        """Let a batch of people belong to a company."""
        told = self.body(MembersSerializer)["members"]
        company = get_object_or_404(Company, pk=company_id)
        now = timezone.now()
        ids = customers.identify_many(people=people([one["customer"] for one in told]), now=now)
        memberships = [
            companies.Membership(company.key, customer_id, one.get("role", ""))
            for one, customer_id in zip(told, ids, strict=True)
        ]
        joined = companies.join_many(memberships=memberships, now=now)
        return Response({"recorded": joined})

    @extend_schema(parameters=[Listed], responses={200: page_of(MemberSerializer, "Member")})
    def get(self, request: Request, company_id: int) -> Response:
        """List the members of a company, the newest first."""
        asked = self.asked(Listed)
        company = get_object_or_404(Company, pk=company_id)
        return self.listed(MemberSerializer, CompanyMember.objects.filter(company=company), asked)
