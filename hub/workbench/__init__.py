"""What people do with routes before and beside running them: test them, compare, explain and draw them, edit them.

Each tool is a module or package of its own and works on a loaded `hub.deployment.Deployment`; none of them runs units
or writes to Kafka. Commands in `hub.cli` import a tool from its module; the tools may share one another's modules.
"""
