import { BrowserRouter } from "react-router";
import { showPage } from "../shared/page";
import { StorefrontPage } from "./storefront-page";

showPage(
  <BrowserRouter>
    <StorefrontPage />
  </BrowserRouter>,
);
