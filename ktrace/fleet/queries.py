"""What is asked of a fleet's dataset, in SQL that DuckDB and Spark both take."""

# A session that was exported twice counts once: of its parts the one with most records.
NEWEST = """
SELECT session_id, part FROM (
    SELECT session_id, part,
           row_number() OVER (PARTITION BY session_id ORDER BY records DESC, part) AS place
    FROM all_sessions
) AS ranked WHERE place = 1
"""
ROWS = """
SELECT one.* FROM all_{table} AS one
JOIN newest ON one.session_id = newest.session_id AND one.part = newest.part
"""

TOTALS = """
SELECT count(DISTINCT host) AS machines, count(*) AS sessions,
       sum(watched_s) / 86400 AS machine_days, count(DISTINCT kernel) AS kernels,
       coalesce(sum(lost), 0) AS lost,
       coalesce(sum(CASE WHEN verdict = 'found' THEN 1 ELSE 0 END), 0) AS found,
       coalesce(sum(CASE WHEN verdict = 'inconclusive' THEN 1 ELSE 0 END), 0) AS inconclusive
FROM sessions
"""
WAITS = """
SELECT coalesce(function, '?') AS function, coalesce(primitive, '?') AS primitive,
       sum(stuck_s) AS stuck_s, count(*) AS threads, count(DISTINCT host) AS machines,
       sum(CASE WHEN dead THEN 0 ELSE 1 END) AS not_ended, max(stuck_s) AS longest_s
FROM stuck GROUP BY 1, 2 ORDER BY stuck_s DESC, function, primitive LIMIT 15
"""
# Each kernel beside the others: its rates are by what was watched, not by what was found
KERNELS = """
SELECT watched.kernel, watched.machines, watched.machine_days,
       coalesce(killed.kills, 0) AS kills, coalesce(killed.stuck, 0) AS stuck,
       coalesce(killed.stuck, 0) / nullif(watched.machine_days, 0) AS stuck_per_machine_day,
       coalesce(killed.oom, 0) / nullif(watched.machine_days, 0) AS oom_kills_per_machine_day
FROM (SELECT kernel, count(DISTINCT host) AS machines, sum(watched_s) / 86400 AS machine_days
      FROM sessions GROUP BY kernel) AS watched
LEFT JOIN (SELECT kernel, count(*) AS kills, sum(CASE WHEN stuck THEN 1 ELSE 0 END) AS stuck,
                  sum(CASE WHEN "by" = 'oom' THEN 1 ELSE 0 END) AS oom
           FROM kills GROUP BY kernel) AS killed ON watched.kernel = killed.kernel
ORDER BY stuck_per_machine_day DESC NULLS LAST, watched.kernel
"""
# The first day on which a signature was seen, and on which kernel
FIRST_SEEN = """
SELECT first.signature, first.day AS first_day, first.kernel AS first_kernel,
       counted.machines, counted.findings
FROM (SELECT signature, day, kernel,
             row_number() OVER (PARTITION BY signature ORDER BY day, kernel) AS place
      FROM findings) AS first
JOIN (SELECT signature, count(DISTINCT host) AS machines, count(*) AS findings
      FROM findings GROUP BY signature) AS counted ON first.signature = counted.signature
WHERE first.place = 1 ORDER BY first_day DESC, findings DESC, first.signature LIMIT 20
"""
# Of processes that were killed: the largest bound that a time is at most, as of a histogram of
# Prometheus, so that those of several datasets can be added up
DEATHS = """
SELECT CASE WHEN after_s <= 0.01 THEN 0.01 WHEN after_s <= 0.1 THEN 0.1 WHEN after_s <= 1 THEN 1
            WHEN after_s <= 10 THEN 10 WHEN after_s <= 100 THEN 100
            ELSE NULL END AS at_most_s,
       count(*) AS kills, sum(CASE WHEN dead THEN 0 ELSE 1 END) AS not_ended
FROM kills GROUP BY 1 ORDER BY at_most_s NULLS LAST
"""
# What tasks wait for, and where: a device, a lock, an inode
OBJECTS = """
SELECT waits_for, object, sum(stuck_s) AS stuck_s, count(*) AS threads,
       count(DISTINCT host) AS machines
FROM stuck WHERE waits_for IS NOT NULL GROUP BY waits_for, object
ORDER BY stuck_s DESC, waits_for, object LIMIT 15
"""
# The same bits of the same word on one machine, boot after boot: docs/how/bad-page.md judges them
RAM_CELLS = """
SELECT host, page, what, bits, count(*) AS pages, count(DISTINCT session_id) AS sessions,
       min(day) AS first_day, max(day) AS last_day
FROM bad_pages WHERE page IS NOT NULL AND bits IS NOT NULL
GROUP BY host, page, what, bits
HAVING count(DISTINCT session_id) > 1 ORDER BY sessions DESC, host LIMIT 20
"""
CAUSES = """
SELECT CASE WHEN cause IS NULL THEN 'not recorded' WHEN cause = '' THEN 'not known'
            ELSE cause END AS cause, count(*) AS kills,
       count(DISTINCT host) AS machines
FROM kills WHERE "by" = 'oom' GROUP BY 1 ORDER BY kills DESC, cause
"""
# Of each machine with kills on a kernel: which share of its victims was stuck
SHARES = """
SELECT host, avg(CAST(CASE WHEN stuck THEN 1 ELSE 0 END AS DOUBLE)) AS share
FROM kills WHERE kernel = '{kernel}' GROUP BY host ORDER BY host
"""

QUERIES = {
    "totals": TOTALS,
    "waits": WAITS,
    "waited for": OBJECTS,
    "kernels": KERNELS,
    "time to death": DEATHS,
    "first seen": FIRST_SEEN,
    "OOM causes": CAUSES,
    "bad bits that came back": RAM_CELLS,
}
