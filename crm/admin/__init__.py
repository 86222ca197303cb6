"""The admin of crm."""
