-- What is known of the shop as a whole, such as the language of its texts.
CREATE TABLE "shop_settings" (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,

    CONSTRAINT "shop_settings_pkey" PRIMARY KEY ("name")
);
