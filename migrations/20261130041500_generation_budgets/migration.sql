-- Points of rate-limiter-flexible: it inserts by position, so the order of the columns is its own.

-- CreateTable
CREATE TABLE "generation_budgets" (
    "key" VARCHAR(255) NOT NULL,
    "points" INTEGER NOT NULL DEFAULT 0,
    "expire" BIGINT,

    CONSTRAINT "generation_budgets_pkey" PRIMARY KEY ("key")
);
