"""Entry points. Imports nothing at module level: each camera's worker runs the importing script again."""


def daemon() -> int:
    """`edged`"""
    from edged.main import main

    return main()


def ctl() -> int:
    """`edgectl`"""
    from edged.cli.main import main

    return main()
