"""What is known of this box at one instant: values, no judgement. Begin with `model`.

`measurements` reads what the catalog and the volumes say; `forecast` is what becomes of the footage at the present
rates. Whoever judges (alarms, compliance) and whoever tells (site, centre) looks at the same `Overview`. May enter
health and the rooms below.
"""
