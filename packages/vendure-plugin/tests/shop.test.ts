import { describeShop } from "./shop-cases";

describeShop("sqljs");
