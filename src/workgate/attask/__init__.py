"""The object API under ``/attask/api``, as Workfront's clients call it."""
