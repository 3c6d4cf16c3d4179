import { showPage } from "../shared/page";
import { StorefrontPage } from "./storefront-page";

showPage(<StorefrontPage />);
