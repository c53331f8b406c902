//! `#[derive(Module)]`: makes a struct of parameters, buffers and modules a module.
//!
//! The field names become the names in state dicts, in the order of the fields. See `duoc_nn::Module`.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Error, Field, Fields, Ident, LitStr, Result, Type, parse_macro_input, spanned::Spanned};

/// Implements `Module` and `Display` for a struct with named fields.
///
/// Fields may be `Param`, `Buffer`, modules, `Option`, `Vec` and `Box<dyn Module>` of these, and plain values (numbers,
/// text), which are passed over. A field of type `Base` holds the module's identity, training flag and hooks; a field
/// `training: bool` is a training flag without the rest.
///
/// On a field: `#[module(skip)]` passes over a field of any other type, `#[module(rename = "0")]` gives another name. On
/// the struct: `#[module(name = "..")]` is the name that is printed, `#[module(extra_repr)]` says that there is a
/// method `fn extra_repr(&self) -> String` with what is printed between the parentheses.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input).unwrap_or_else(Error::into_compile_error).into()
}

#[derive(Default)]
struct StructWords {
    name: Option<LitStr>,
    extra_repr: bool,
}

#[derive(Default)]
struct FieldWords {
    rename: Option<LitStr>,
    skip: bool,
}

fn struct_words(input: &DeriveInput) -> Result<StructWords> {
    let mut words = StructWords::default();
    for attr in input.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                words.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("extra_repr") {
                words.extra_repr = true;
            } else {
                return Err(meta.error("expected `name = \"..\"` or `extra_repr`"));
            }
            Ok(())
        })?;
    }
    Ok(words)
}

fn field_words(field: &Field) -> Result<FieldWords> {
    let mut words = FieldWords::default();
    for attr in field.attrs.iter().filter(|a| a.path().is_ident("module")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                words.rename = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("skip") {
                words.skip = true;
            } else {
                return Err(meta.error("expected `rename = \"..\"` or `skip`"));
            }
            Ok(())
        })?;
    }
    Ok(words)
}

/// Whether the last word of a type's path is `name`.
fn is_named(ty: &Type, name: &str) -> bool {
    matches!(ty, Type::Path(p) if p.path.segments.last().is_some_and(|s| s.ident == name))
}

/// The crate that the generated code names: `duoc_nn` where the package depends on it (or is it), the facade elsewhere.
fn home() -> TokenStream {
    let manifest = std::env::var("CARGO_MANIFEST_DIR").ok();
    let text = manifest.and_then(|dir| std::fs::read_to_string(std::path::Path::new(&dir).join("Cargo.toml")).ok());
    if text.is_some_and(|t| t.contains("duoc-nn")) {
        quote!(::duoc_nn)
    } else {
        quote!(::duoc::nn)
    }
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.span(), "#[derive(Module)] is for structs"));
    };
    let none = syn::punctuated::Punctuated::new();
    let fields = match &data.fields {
        Fields::Named(f) => &f.named,
        Fields::Unit => &none,
        Fields::Unnamed(_) => return Err(Error::new(input.span(), "#[derive(Module)] needs names for the fields")),
    };
    let words = struct_words(input)?;
    let home = home();
    let (mut visit, mut visit_mut) = (Vec::new(), Vec::new());
    let (mut base, mut training) = (None::<&Ident>, None::<&Ident>);
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let words = field_words(field)?;
        if is_named(&field.ty, "Base") {
            base = Some(ident);
            continue;
        }
        if ident == "training" && is_named(&field.ty, "bool") {
            training = Some(ident);
            continue;
        }
        if words.skip {
            continue;
        }
        let plain = ident.to_string();
        let name = words
            .rename
            .unwrap_or_else(|| LitStr::new(plain.trim_start_matches("r#"), Span::call_site()));
        visit.push(quote!(#home::Part::visit_part(&self.#ident, #name, f);));
        visit_mut.push(quote!(#home::Part::visit_part_mut(&mut self.#ident, #name, f);));
    }
    let flags = match (base, training) {
        (Some(b), _) => quote! {
            fn base(&self) -> ::core::option::Option<&#home::Base> { ::core::option::Option::Some(&self.#b) }
            fn base_mut(&mut self) -> ::core::option::Option<&mut #home::Base> { ::core::option::Option::Some(&mut self.#b) }
        },
        (None, Some(t)) => quote! {
            fn training(&self) -> bool { self.#t }
            fn set_training(&mut self, on: bool) { self.#t = on; }
        },
        (None, None) => quote!(),
    };
    let extra = words.extra_repr.then(|| {
        // The inherent method goes before the trait's.
        quote! { fn extra_repr(&self) -> ::std::string::String { Self::extra_repr(self) } }
    });
    let ident = &input.ident;
    let name = words
        .name
        .unwrap_or_else(|| LitStr::new(&ident.to_string(), Span::call_site()));
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    Ok(quote! {
        impl #impl_generics #home::Module for #ident #ty_generics #where_clause {
            fn kind(&self) -> &str { #name }
            fn as_any(&self) -> &dyn ::core::any::Any { self }
            fn as_any_mut(&mut self) -> &mut dyn ::core::any::Any { self }
            #[allow(unused_variables)]
            fn visit<'visit>(&'visit self, f: &mut dyn ::core::ops::FnMut(&str, #home::Field<'visit>)) { #(#visit)* }
            #[allow(unused_variables)]
            fn visit_mut<'visit>(&'visit mut self, f: &mut dyn ::core::ops::FnMut(&str, #home::FieldMut<'visit>)) { #(#visit_mut)* }
            #flags
            #extra
        }

        impl #impl_generics ::core::fmt::Display for #ident #ty_generics #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(&#home::Module::repr(self))
            }
        }
    })
}
