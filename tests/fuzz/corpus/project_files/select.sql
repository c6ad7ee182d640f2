SELECT event_id, email FROM purchases WHERE day > '2026-11-01' -- all
