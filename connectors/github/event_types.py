"""The kinds of events that GitHub sends to webhooks."""

from __future__ import annotations

DELIVERIES = (
    "branch_protection_configuration",
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "code_scanning_alert",
    "commit_comment",
    "create",
    "custom_property",
    "custom_property_values",
    "delete",
    "dependabot_alert",
    "deploy_key",
    "deployment",
    "deployment_protection_rule",
    "deployment_review",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "github_app_authorization",
    "gollum",
    "installation",
    "installation_repositories",
    "installation_target",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "label",
    "marketplace_purchase",
    "member",
    "membership",
    "merge_group",
    "meta",
    "milestone",
    "org_block",
    "organization",
    "package",
    "page_build",
    "personal_access_token_request",
    "ping",
    "project",
    "project_card",
    "project_column",
    "projects_v2",
    "projects_v2_item",
    "projects_v2_status_update",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "registry_package",
    "release",
    "repository",
    "repository_advisory",
    "repository_dispatch",
    "repository_import",
    "repository_ruleset",
    "repository_vulnerability_alert",
    "secret_scanning_alert",
    "secret_scanning_alert_location",
    "secret_scanning_scan",
    "security_advisory",
    "security_and_analysis",
    "sponsorship",
    "star",
    "status",
    "sub_issues",
    "team",
    "team_add",
    "watch",
    "workflow_dispatch",
    "workflow_job",
    "workflow_run",
)
"""Values of ``X-GitHub-Event`` by GitHub's page "Webhook events and payloads", read in November 2026, and those that it
used to send and GitHub Enterprise Server still does."""

OTHER = "github.other"
"""Type of events that GitHub has begun to send since; their own name is in the attribute ``githubevent``."""

WEBHOOK_EVENTS: dict[str, str | None] = {f"github.{name}": f"github/{name}/v1.json" for name in DELIVERIES} | {
    OTHER: None
}
"""Event types of the webhook source and their schemas."""

TYPE_OF = {name: f"github.{name}" for name in DELIVERIES}
"""Event type by the value of ``X-GitHub-Event``."""

SUBJECT_OF = {
    "check_run": "check_run",
    "code_scanning_alert": "alert",
    "commit_comment": "comment",
    "dependabot_alert": "alert",
    "discussion": "discussion",
    "discussion_comment": "discussion",
    "issue_comment": "issue",
    "issue_dependencies": "blocked_issue",
    "issues": "issue",
    "milestone": "milestone",
    "pull_request": "pull_request",
    "pull_request_review": "pull_request",
    "pull_request_review_comment": "pull_request",
    "pull_request_review_thread": "pull_request",
    "release": "release",
    "repository_advisory": "repository_advisory",
    "secret_scanning_alert": "alert",
    "secret_scanning_alert_location": "alert",
    "sub_issues": "parent_issue",
    "workflow_job": "workflow_job",
    "workflow_run": "workflow_run",
}
"""The object of a payload whose web address tells what the event is about; elsewhere a git ``ref``, if there is one."""
