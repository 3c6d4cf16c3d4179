-- CreateIndex
CREATE INDEX "personalized_images_user_id_item_id_created_at_idx" ON "personalized_images"("user_id", "item_id", "created_at" DESC);
