-- Workers claim jobs from this table (docs/adr/0015). A waiting job of an earlier version needs no move: its row is here.

-- Finds the next job of a kind.
CREATE INDEX "jobs_queued_idx" ON "jobs" ("kind", "priority" DESC, "created_at", "id") WHERE "state" = 'QUEUED';

-- pg-boss's schema goes, or only our queues in it where the host has queues of its own there.
DO $$
DECLARE
  ours CONSTANT TEXT[] := ARRAY['PERSONALIZE_IMAGE', 'PERSONALIZE_IMAGE_LIVE', 'IMPORT', 'INDEX', 'TRAIN_RANKER',
    'TRAIN_PERSONALIZER', 'JUDGE', 'SCORE_IMAGES', 'RERANK'];
BEGIN
  IF to_regclass('pgboss.queue') IS NULL THEN
    RETURN;
  END IF;
  IF NOT EXISTS (SELECT FROM pgboss.queue WHERE name = 'PERSONALIZE_IMAGE') THEN
    RETURN; -- Vitrine never used it
  END IF;
  IF EXISTS (SELECT FROM pgboss.queue WHERE name <> ALL (ours)) THEN
    IF to_regclass('pgboss.archive') IS NOT NULL THEN
      DELETE FROM pgboss.archive WHERE name = ANY (ours);
    END IF;
    DELETE FROM pgboss.job WHERE name = ANY (ours);
    PERFORM pgboss.delete_queue(name) FROM pgboss.queue WHERE name = ANY (ours);
  ELSE
    DROP SCHEMA pgboss CASCADE;
  END IF;
END $$;
