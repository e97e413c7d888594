"""Runs the revisions on the connection that ``storage.upgrade`` hands over, or writes down what they would run."""

from alembic import context

from workgate.storage.schema import whole_metadata

attributes = context.config.attributes
context.configure(
    connection=attributes.get("connection"),
    dialect_name=attributes.get("dialect"),
    literal_binds=context.is_offline_mode(),
    target_metadata=whole_metadata(),
    render_as_batch=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
